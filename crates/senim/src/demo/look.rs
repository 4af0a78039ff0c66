//! Asks the running line for what the board shows.

use super::board::{Look, RECORDINGS_MAX, RecordingLine};
use super::house::House;
use crate::serve::{Handle, clock};
use core::time::Duration;
use senim_appeals::AppealNumber;
use senim_base::{Instant, RecordingId};
use senim_store::vault::Folder;
use senim_store::views::{CallRow, RecordingRow};
use senim_switch::api::{Board, Command, Reply};

/// Calls that are looked through for their recordings.
const CALLS_BACK: usize = 24;

/// The line's picture of itself; an empty one when it does not answer.
pub(super) fn board(handle: &Handle) -> Board {
    match handle.ask(Command::Board) {
        Reply::Board { board } => *board,
        _ => Board::default(),
    }
}

/// Everything that the board shows; `calls` were made by the simulated callers.
pub(super) fn look(house: &House, handle: &Handle, began: Instant, calls: usize) -> Look {
    let (recordings, recording_now) = recordings(house, handle);
    Look {
        board: board(handle),
        recordings,
        recording_now,
        sip: house.address.to_string(),
        web: house.web.map_or_else(String::new, |web| format!("http://{web}")),
        since_ms: u64::try_from(clock::now().since(began).as_millis()).unwrap_or(u64::MAX),
        calls,
    }
}

/// Appeals of the last calls, as callers key them.
pub(super) fn appeals(handle: &Handle) -> Vec<String> {
    last_calls(handle).iter().flat_map(|c| &c.appeals).map(|n| n.keyed()).collect()
}

fn last_calls(handle: &Handle) -> Vec<CallRow> {
    // What cannot be read now is read at the next look; the verdict at the end does not forgive it.
    handle.views().and_then(|views| views.calls(None, CALLS_BACK)).unwrap_or_default()
}

/// The last closed recordings, and whether one goes on.
fn recordings(house: &House, handle: &Handle) -> (Vec<RecordingLine>, bool) {
    let mut lines = Vec::new();
    let mut now = false;
    for call in &last_calls(handle) {
        for recording in call.recordings.iter().rev() {
            match handle.views().and_then(|views| views.recording(*recording)).ok().flatten() {
                Some(RecordingRow { length_ms: Some(ms), began, .. }) => {
                    lines.push((began.plus(Duration::from_millis(ms)), line(house, call, *recording, ms)));
                }
                Some(row) => now |= row.failed.is_none(),
                None => {}
            }
        }
    }
    lines.sort_by_key(|(closed, _)| core::cmp::Reverse(*closed));
    (lines.into_iter().take(RECORDINGS_MAX).map(|(_, line)| line).collect(), now)
}

fn line(house: &House, call: &CallRow, recording: RecordingId, length_ms: u64) -> RecordingLine {
    let file = Folder::new(&house.plan.recordings).file_of(recording);
    let within = file.strip_prefix(&house.plan.recordings).unwrap_or(&file);
    RecordingLine {
        call: call.call.to_string(),
        length_ms,
        appeal: call.appeals.first().map(AppealNumber::to_string),
        file: within.display().to_string(),
    }
}
