//! Asks the running line for what the board shows.

use super::board::{Look, RECORDINGS_MAX, RecordingLine};
use super::house::House;
use crate::serve::{Handle, clock};
use senim_appeals::AppealNumber;
use senim_base::{Instant, RecordingId};
use senim_store::vault::Folder;
use senim_store::views::CallRow;
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

/// Everything that the board shows.
pub(super) fn look(house: &House, handle: &Handle, began: Instant, calls: usize) -> Look {
    Look {
        board: board(handle),
        recordings: recordings(house, handle),
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
    handle.views().calls(None, CALLS_BACK).unwrap_or_default()
}

fn recordings(house: &House, handle: &Handle) -> Vec<RecordingLine> {
    let calls = last_calls(handle);
    let each = calls.iter().flat_map(|c| c.recordings.iter().rev().map(move |r| (c, *r)));
    each.take(RECORDINGS_MAX).map(|(call, recording)| line(house, handle, call, recording)).collect()
}

fn line(house: &House, handle: &Handle, call: &CallRow, recording: RecordingId) -> RecordingLine {
    let row = handle.views().recording(recording).ok().flatten();
    let file = Folder::new(&house.plan.recordings).file_of(recording);
    let within = file.strip_prefix(&house.plan.recordings).unwrap_or(&file);
    RecordingLine {
        call: call.call.to_string(),
        length_ms: row.and_then(|r| r.length_ms),
        appeal: call.appeals.first().map(AppealNumber::to_string),
        file: within.display().to_string(),
    }
}
