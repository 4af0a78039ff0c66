//! Call records: `senim calls [ID]` (FEATURES I6: every step and key with its time).

use super::said::{self, Logins};
use super::{Common, Failure, World, desk, logins, plan, table};
use crate::control::{Answer, Query};
use crate::desk::unexpected;
use clap::Args;
use senim_base::CallId;
use senim_store::views::CallRow;
use senim_switch::facts::{EndCause, Record};
use serde_json::{Value, json};

#[derive(Args, Debug)]
pub(crate) struct Calls {
    /// One call, as in call-17; without it: the newest.
    call: Option<CallId>,
    /// As JSON.
    #[arg(long)]
    json: bool,
    /// How many.
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

pub(crate) fn run(calls: &Calls, common: &Common, world: &mut World<'_>) -> Result<(), Failure> {
    let plan = plan(common, world)?;
    let zone = plan.config.line.utc_offset_minutes;
    let mut desk = desk(&plan, world)?;
    let logins = logins(&mut desk)?;
    match calls.call {
        None => match desk.query(&Query::Calls { limit: calls.limit })? {
            Answer::Calls { calls: rows } if calls.json => {
                let rows: Vec<Value> = rows.iter().map(|r| row_json(r, zone, &logins)).collect();
                writeln!(world.out, "{}", serde_json::to_string_pretty(&rows).unwrap_or_default())?;
            }
            Answer::Calls { calls: rows } => list(&rows, zone, &logins, world)?,
            other => return Err(Failure::Desk(unexpected(&other))),
        },
        Some(call) => match desk.query(&Query::Call { call })? {
            Answer::Call { row: Some(row), timeline } if calls.json => {
                let mut value = row_json(&row, zone, &logins);
                let facts = timeline.iter().map(|r| fact_json(r, &row, zone, &logins)).collect();
                if let Value::Object(map) = &mut value {
                    map.insert("facts".into(), Value::Array(facts));
                }
                writeln!(world.out, "{}", serde_json::to_string_pretty(&value).unwrap_or_default())?;
            }
            Answer::Call { row: Some(row), timeline } => show(&row, &timeline, zone, &logins, world)?,
            Answer::Call { row: None, .. } => {
                return Err(Failure::Usage(format!("there is no {call}; `senim calls` shows all of them")));
            }
            other => return Err(Failure::Desk(unexpected(&other))),
        },
    }
    Ok(())
}

fn list(rows: &[CallRow], zone: i32, logins: &Logins, world: &mut World<'_>) -> Result<(), Failure> {
    let cells = rows.iter().map(|r| {
        let people = r.consultants.iter().map(|c| said::who(*c, logins));
        vec![
            r.call.to_string(),
            said::moment(r.arrived, zone),
            r.dialled.clone(),
            table::or_dash(r.language),
            table::or_dash(r.topic.as_ref()),
            table::or_dash(r.waited_ms.map(table::minutes)),
            table::minutes(r.talked_ms),
            table::listed(people),
            outcome(r),
            table::listed(&r.appeals),
        ]
    });
    let headings = [
        "call",
        "came in",
        "dialled",
        "language",
        "topic",
        "waited",
        "talked",
        "consultant",
        "outcome",
        "appeal",
    ];
    table::write(world.out, &headings, &cells.collect::<Vec<_>>())?;
    Ok(())
}

fn outcome(r: &CallRow) -> String {
    let word = |v: Value| v.as_str().unwrap_or_default().replace('_', " ");
    match (r.refused, r.disposition, r.cause) {
        (Some(status), ..) => format!("refused {status}"),
        (_, Some(disposition), Some(EndCause::Interrupted)) => {
            format!("{}, interrupted", word(json!(disposition)))
        }
        (_, Some(disposition), _) => word(json!(disposition)),
        (_, None, Some(cause)) => word(json!(cause)),
        (None, None, None) => "live".into(),
    }
}

fn show(
    row: &CallRow,
    timeline: &[Record],
    zone: i32,
    logins: &Logins,
    world: &mut World<'_>,
) -> Result<(), Failure> {
    writeln!(world.out, "{}  {}  {}", row.call, said::moment(row.arrived, zone), outcome(row))?;
    writeln!(
        world.out,
        "recordings: {}  appeals: {}",
        table::listed(&row.recordings),
        table::listed(&row.appeals)
    )?;
    let cells = timeline.iter().map(|r| vec![offset(r, row), said::fact(&r.fact, logins)]);
    table::write(world.out, &["after s", "what"], &cells.collect::<Vec<_>>())?;
    Ok(())
}

/// Seconds since the call came in, by the calendar: a restart in between does not matter to it.
fn offset_ms(record: &Record, row: &CallRow) -> i64 {
    record.wall.unix_millis().saturating_sub(row.arrived.unix_millis())
}

fn offset(record: &Record, row: &CallRow) -> String {
    let ms = offset_ms(record, row).max(0);
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

/// A call for programs; the caller's number stays masked.
fn row_json(r: &CallRow, zone: i32, logins: &Logins) -> Value {
    let mut value = json!(r);
    if let Value::Object(map) = &mut value {
        map.remove("seq");
        map.insert("call".into(), json!(r.call.to_string()));
        map.insert("arrived".into(), json!(r.arrived.rfc3339(zone)));
        map.insert("caller".into(), json!(r.caller.number.as_ref().map(ToString::to_string)));
        map.insert(
            "consultants".into(),
            json!(r.consultants.iter().map(|c| said::who(*c, logins)).collect::<Vec<_>>()),
        );
        map.insert("outcome".into(), json!(outcome(r)));
    }
    value
}

fn fact_json(record: &Record, row: &CallRow, zone: i32, logins: &Logins) -> Value {
    let mut value = json!(record);
    if let Value::Object(map) = &mut value {
        map.insert("wall".into(), json!(record.wall.rfc3339(zone)));
        map.insert("after_ms_of_call".into(), json!(offset_ms(record, row)));
        map.insert("said".into(), json!(said::fact(&record.fact, logins)));
        map.remove("at");
        map.remove("call");
        map.remove("caller");
    }
    value
}
