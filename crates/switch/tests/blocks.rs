//! Blocks in the books: they end by the calendar, and have a ceiling.
#![allow(clippy::unwrap_used)]

use senim_base::{Instant, Number, NumberPlan, Redacted, WallTime};
use senim_switch::api::{Command, Refusal, Reply};
use senim_switch::facts::{Author, Fact, Record};
use senim_switch::{BLOCKS_MAX, Books};

const DAY_MS: i64 = 86_400_000;

fn number(n: usize) -> Redacted<Number> {
    Number::normalise(&format!("+7701{n:07}"), &NumberPlan::default()).unwrap().redacted()
}

fn at(ms: i64) -> WallTime {
    WallTime::from_unix_millis(1_767_207_600_000 + ms)
}

fn block(n: usize) -> Command {
    let by = Author::Operator("oleg".into());
    Command::Block { number: number(n), for_s: 86_400, reason: Redacted::new("threats".into()), by }
}

/// Decides and enters, as the line and a command at a stopped one both do.
fn give(books: &mut Books, command: &Command, wall: WallTime) -> Result<Reply, Refusal> {
    let (facts, reply) = books.decide(command, wall)?;
    for (call, fact) in facts {
        let written = serde_json::to_string(&fact).unwrap();
        let fact: Fact = serde_json::from_str(&written).unwrap();
        books.apply(&Record { seq: books.seq() + 1, wall, at: Instant::from_secs(1), call, fact });
    }
    Ok(reply)
}

/// FEATURES T19.
#[test]
fn a_block_ends_by_the_calendar_and_is_replaced_by_a_newer_one() {
    let mut books = Books::new(300);
    give(&mut books, &block(1), at(0)).unwrap();
    assert!(books.block(&number(1), at(DAY_MS - 1)).is_some());
    assert!(books.block(&number(1), at(DAY_MS)).is_none() && books.block(&number(2), at(0)).is_none());
    assert_eq!(books.blocks(at(DAY_MS)).count(), 0);
    give(&mut books, &block(1), at(1_000)).unwrap();
    assert_eq!(books.blocks(at(2_000)).count(), 1);
    assert!(books.block(&number(1), at(DAY_MS)).is_some(), "the newer one lasts longer");
    let lift = Command::LiftBlock { number: number(1), by: Author::Operator("anna".into()) };
    assert_eq!(give(&mut books, &lift, at(DAY_MS + 1_000)), Err(Refusal::NotBlocked));
    assert_eq!(give(&mut books, &lift, at(DAY_MS)), Ok(Reply::Done));
    assert!(books.block(&number(1), at(DAY_MS)).is_none());
}

#[test]
fn as_many_numbers_are_blocked_as_may_be_and_ended_ones_make_room() {
    let mut books = Books::new(300);
    for n in 0..BLOCKS_MAX {
        let by = Author::Line;
        let (until, reason) = (at(DAY_MS), Redacted::new("r".into()));
        let fact = Fact::CallerBlocked { number: number(n), until, reason, by };
        let (seq, wall) = (books.seq() + 1, at(0));
        books.apply(&Record { seq, wall, at: Instant::from_secs(1), call: None, fact });
    }
    assert_eq!(give(&mut books, &block(BLOCKS_MAX), at(1)), Err(Refusal::BlocksFull));
    assert_eq!(give(&mut books, &block(0), at(1)), Ok(Reply::Done), "a known one may be made longer");
    assert_eq!(give(&mut books, &block(BLOCKS_MAX), at(DAY_MS)), Ok(Reply::Done));
    assert_eq!(books.blocks(at(DAY_MS)).count(), 2);
}
