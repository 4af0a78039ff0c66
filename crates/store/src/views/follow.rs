//! The views beside a running line: a thread reads what became safe from the journal and applies it, some moments
//! late and in groups, so that neither the switch nor the journal ever waits for a view.

use super::{GROUP, ViewFault, Views};
use crate::journal::{JournalWatch, Reader};
use core::time::Duration;
use senim_switch::facts::Record;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

/// Facts are gathered so long before they are applied together, unless somebody asks.
const GATHER: Duration = Duration::from_millis(200);
/// Facts applied before the thread rests as long as they took, unless somebody asks: on a machine of one core it is not to
/// hold up calls.
const AT_ONCE: usize = 256;
/// Facts kept at hand for the next group, about 4 MB. When more come before it, they are read from the journal.
const AT_HAND_MAX: usize = 8_192;
/// How long after a failure it tries again.
const RETRY: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
struct State {
    safe: u64,
    applied: u64,
    /// `None` while a disk that failed keeps them from being opened anew.
    views: Option<Views>,
    /// The newest safe facts, in order and without holes.
    at_hand: VecDeque<Record>,
    failing: bool,
    /// The thread has nothing to do.
    idle: bool,
    /// Somebody waits for the newest facts.
    asked: bool,
    stop: bool,
}

#[derive(Debug, Default)]
struct Meeting {
    state: Mutex<State>,
    /// For the thread.
    work: Condvar,
    /// For those who ask.
    turned: Condvar,
}

impl Meeting {
    fn enter(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the views near the journal's end.
#[derive(Debug)]
pub struct Follower {
    meeting: Arc<Meeting>,
    journal: OnceLock<JournalWatch>,
    thread: Option<JoinHandle<()>>,
}

impl Follower {
    /// Starts the thread.
    ///
    /// # Errors
    /// The operating system's, when it has no thread to give.
    pub fn start(views: Views, journal: &Path) -> std::io::Result<Follower> {
        let meeting = Arc::new(Meeting::default());
        {
            let mut state = meeting.enter();
            state.applied = views.applied().unwrap_or(0);
            state.views = Some(views);
        }
        let (theirs, journal) = (meeting.clone(), journal.to_owned());
        let thread =
            std::thread::Builder::new().name("views".into()).spawn(move || run(&journal, &theirs))?;
        Ok(Follower { meeting, journal: OnceLock::new(), thread: Some(thread) })
    }

    /// Facts up to `seq` are safe: they are read from the journal. Cheap.
    pub fn safe(&self, seq: u64) {
        let mut state = self.meeting.enter();
        state.safe = state.safe.max(seq);
        let idle = core::mem::take(&mut state.idle);
        drop(state);
        if idle {
            self.meeting.work.notify_one();
        }
    }

    /// These facts are safe, the next ones in order: they need not be read again. Cheap.
    pub fn safe_facts(&self, facts: Vec<Record>) {
        let (Some(first), Some(last)) = (facts.first().map(|r| r.seq), facts.last().map(|r| r.seq)) else {
            return;
        };
        let mut state = self.meeting.enter();
        let follows = state.at_hand.back().is_none_or(|newest| newest.seq + 1 == first);
        if !follows || state.at_hand.len() + facts.len() > AT_HAND_MAX {
            state.at_hand.clear();
        }
        if facts.len() <= AT_HAND_MAX {
            state.at_hand.extend(facts);
        }
        drop(state);
        self.safe(last);
    }

    /// Whatever was handed to this journal counts for [`Follower::fresh`], safe or not yet. Said once, at start.
    pub fn watch(&self, journal: JournalWatch) {
        // A second journal would be the caller's mistake; the first one stays.
        let _ = self.journal.set(journal);
    }

    /// The views, once they know every fact that was written before this was called; or after `at_most`, as they are.
    ///
    /// # Errors
    /// [`ViewFault::Resting`]: the disk failed them and they are being made again.
    pub fn fresh(&self, at_most: Duration) -> Result<Views, ViewFault> {
        let submitted = self.journal.get().map_or(0, |journal| {
            // Whoever asks is not to wait for somebody else's ring.
            journal.ring();
            journal.submitted()
        });
        let state = self.meeting.enter();
        let wanted = state.safe.max(submitted);
        let behind = |s: &mut State| {
            let behind = s.applied < wanted && !s.stop;
            if behind && !core::mem::replace(&mut s.asked, true) {
                self.meeting.work.notify_one();
            }
            behind
        };
        let waited = self.meeting.turned.wait_timeout_while(state, at_most, behind);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.views.clone().ok_or(ViewFault::Resting)
    }

    /// Facts that are safe and not in the views yet, and whether the disk refuses the views.
    pub fn lag(&self) -> (u64, bool) {
        let state = self.meeting.enter();
        (state.safe.saturating_sub(state.applied), state.failing)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.meeting.enter().stop = true;
        self.meeting.work.notify_one();
        self.meeting.turned.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic there was told by the hook already; there is nobody left to tell.
            let _ = thread.join();
        }
        let _ = self.meeting.enter().views.take().map(|views| views.flush());
    }
}

fn run(journal: &Path, meeting: &Meeting) {
    let mut reader = None;
    loop {
        let state = meeting.enter();
        let waited = meeting.work.wait_while(state, |s| {
            s.idle = s.applied >= s.safe && !s.stop;
            s.idle
        });
        let state = waited.unwrap_or_else(PoisonError::into_inner);
        let gather = |s: &mut State| !s.asked && !s.stop;
        let waited = meeting.work.wait_timeout_while(state, GATHER, gather);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let (stop, safe) = (state.stop, state.safe);
        let Some(views) = state.views.clone().filter(|_| !stop || state.applied < safe) else { return };
        state.asked = false;
        let at_hand = core::mem::take(&mut state.at_hand);
        drop(state);
        let done = step(&views, journal, &mut reader, &Vec::from(at_hand), safe, |took| rest(meeting, took));
        match done {
            Ok(applied) => {
                let mut state = meeting.enter();
                (state.applied, state.failing) = (applied, false);
            }
            Err(_) if stop => return,
            Err(fault) => {
                reader = None;
                mend(views, &fault, journal, meeting);
            }
        }
        meeting.turned.notify_all();
    }
}

/// After a failure: a while later it is tried again, with views that are opened anew, since an engine that the disk has
/// failed takes nothing more even when there is room again.
fn mend(views: Views, fault: &ViewFault, journal: &Path, meeting: &Meeting) {
    let ours = !matches!(fault, ViewFault::Journal(_) | ViewFault::Missed { .. });
    let lost = views.home().filter(|_| ours);
    let mut state = meeting.enter();
    state.failing = true;
    if lost.is_some() {
        state.views = None;
        drop(views);
    }
    loop {
        let waited = meeting.work.wait_timeout_while(state, RETRY, |s| !s.stop);
        (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let Some(home) = lost.as_ref().filter(|_| !state.stop) else { return };
        drop(state);
        let opened = open_anew(home, journal);
        state = meeting.enter();
        if let Some(views) = opened {
            state.applied = views.applied().unwrap_or(0);
            state.views = Some(views);
            return;
        }
    }
}

/// Opens views anew, once nobody reads the old ones: the folder is still theirs, and would be taken for damaged and
/// dropped beneath them. `None`: not yet.
pub(super) fn open_anew((dir, offset): &(Arc<Path>, i32), journal: &Path) -> Option<Views> {
    // Every copy of the views has the path, and so have we.
    let read = Arc::strong_count(dir) > 1;
    (!read).then(|| Views::open(dir, journal, *offset).ok())?.map(|(views, _)| views)
}

/// Lets others have the core for as long.
fn rest(meeting: &Meeting, took: Duration) {
    let rests = |s: &mut State| !s.asked && !s.stop;
    // Whatever woke it, there is more to do.
    drop(meeting.work.wait_timeout_while(meeting.enter(), took, rests));
}

/// Applies what is safe, from hand if that leads on to `safe`, else from the journal; returns the last fact applied.
/// The reader stays where it is between steps: a segment is not gone through again for each group.
fn step(
    views: &Views,
    journal: &Path,
    reader: &mut Option<Reader>,
    at_hand: &[Record],
    safe: u64,
    rest: impl Fn(Duration),
) -> Result<u64, ViewFault> {
    let mut applied = views.applied()?;
    let leads_on = at_hand.first().is_some_and(|first| first.seq <= applied + 1)
        && at_hand.last().is_some_and(|last| last.seq >= safe);
    if leads_on {
        for group in at_hand.chunks(AT_ONCE) {
            let began = Instant::now();
            views.apply_all(group)?;
            rest(began.elapsed());
        }
        return views.applied();
    }
    let reader = match reader {
        Some(there) if there.next_seq() == applied + 1 => there,
        other => other.insert(Reader::open(journal, applied + 1)),
    };
    while applied < safe {
        let wanted = usize::try_from(safe - applied).unwrap_or(GROUP).min(GROUP);
        let group = reader.by_ref().take(wanted).collect::<Result<Vec<_>, _>>()?;
        let Some(last) = group.last() else { break };
        applied = last.seq;
        views.apply_all(&group)?;
    }
    Ok(applied)
}
