//! One call: a caller's leg, what he is doing, and whoever he is joined with.
//!
//! `State` says what is true; each verb has its own file: `arrive`, `script`, `wait`, `talk`, `forward`, `feature`,
//! `direct`, `end`. A verb takes the old state out, and puts the new one in.

mod appeal;
mod arrive;
mod conference;
mod consult;
mod dial;
mod direct;
mod early;
mod end;
mod feature;
mod forward;
mod keys;
pub(crate) mod leg;
mod press;
mod script;
mod second_phone;
mod show;
mod talk;
mod target;
mod transfer;
mod wait;

pub(crate) use arrive::{Arrival, Knock, Then};
pub(crate) use consult::SecondCall;
use dial::Refused;
pub(crate) use direct::Direct;
pub(crate) use feature::Feature;
pub(crate) use forward::{Forwarding, UCC, can_forward};
use leg::Leg;
use press::Way;
pub(crate) use talk::Talking;
pub(crate) use transfer::Transferring;
pub(crate) use wait::{Place, Waiting};

use crate::facts::{EndCause, Fact, ForwardResult};
use crate::rooms::{Rooms, Wake};
use senim_base::{CallId, Instant, Language, LegId, Number, PlayId, RecordingId, Redacted, TrackId};
use senim_ivr::{Run, SayId};
use senim_media::capacity::Entry;
use senim_media::{DigitSource, Event as MediaEvent};
use senim_sip::{Ending, Event as SipEvent, Rejection};

/// What a call is doing.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // one value a call, moved only when its state changes
pub(crate) enum State {
    /// The caller's port is being opened.
    Opening(Arrival),
    /// The script speaks with the caller.
    Script,
    /// The caller waits for a human.
    Waiting(Waiting),
    /// Caller and consultant talk.
    Talking(Talking),
    /// The consultant sends the caller on, and whoever is to take him is being called.
    Transferring(Transferring),
    /// The caller is being sent on.
    Forwarding(Forwarding),
    /// The caller is joined to the other centre.
    Forwarded(Leg),
    /// A consultant dialled a feature code.
    Feature(Feature),
    /// A number that rings one consultant.
    Direct(Direct),
    /// Nothing is left of it.
    Over,
}

/// What happened on the way of the call, for its final state.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks {
    pub(crate) queued: bool,
    pub(crate) served: bool,
}

/// One call.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: CallId,
    pub(crate) caller: Option<Leg>,
    pub(crate) caller_leg: LegId,
    /// The trunk it came in on: it counts there until it ends.
    pub(crate) trunk: Option<String>,
    /// It takes room of the media threads until it ends.
    pub(crate) entry: Option<Entry>,
    /// His number, unless he withholds it: what others than the record may be shown.
    pub(crate) shown: Option<Redacted<Number>>,
    pub(crate) born: Instant,
    pub(crate) answered: bool,
    /// The script that speaks with him is the one for callers who are blocked.
    pub(crate) blocked: bool,
    pub(crate) run: Option<Run>,
    pub(crate) saying: Option<(PlayId, SayId)>,
    pub(crate) forward_refused: bool,
    pub(crate) language: Option<Language>,
    pub(crate) default_language: Language,
    /// Where he last stood in the queue, so that he can come back to the same place.
    pub(crate) place: Option<Place>,
    pub(crate) recording: Option<Recording>,
    pub(crate) marks: Marks,
    /// Packets from addresses that have no part in the call, and how many of them are in the facts.
    strange: u64,
    strange_told: u64,
    pub(crate) state: State,
}

/// The call's recording.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recording {
    pub(crate) id: RecordingId,
    next_track: u8,
}

impl Recording {
    /// The caller speaks on this track.
    pub(crate) const CALLER: TrackId = TrackId(0);
    /// What the line plays to the caller is on this one.
    pub(crate) const LINE: TrackId = TrackId(1);

    pub(crate) fn new(id: RecordingId) -> Self {
        Recording { id, next_track: 2 }
    }

    /// A track for one more party; the last one is shared when a call had more than 254 parties.
    pub(crate) fn track(&mut self) -> TrackId {
        let track = TrackId(self.next_track);
        self.next_track = self.next_track.saturating_add(1);
        track
    }
}

impl Call {
    /// The caller's language, or the script's own while he has not chosen.
    pub(crate) fn language(&self) -> Language {
        self.language.unwrap_or(self.default_language)
    }

    pub(crate) fn fact(&self, fact: Fact, rooms: &mut Rooms) {
        rooms.fact(Some(self.id), fact);
    }

    /// Puts what the leg's party says on a track of its own.
    pub(crate) fn record_party(&mut self, leg: &mut Leg, rooms: &mut Rooms) {
        if let Some(recording) = &mut self.recording {
            leg.record(self.id, recording, rooms);
        }
    }

    /// Something came from the media worker.
    pub(crate) fn on_media(&mut self, event: &MediaEvent, rooms: &mut Rooms) {
        match *event {
            MediaEvent::Opened { leg } => self.on_port_open(leg, rooms),
            MediaEvent::OpenFailed { leg, .. } => self.on_port_failed(leg, rooms),
            MediaEvent::PlayEnded { play, .. } => self.on_played(play, rooms),
            MediaEvent::Digit { leg, digit, source, .. } => {
                let way = match source {
                    DigitSource::Rfc4733 => Way::Event,
                    DigitSource::InBand => Way::Tone,
                };
                self.on_digit(leg, digit.as_char(), way, rooms);
            }
            MediaEvent::Inactive { leg, silent_for } => {
                self.fact(Fact::MediaSilent { leg, silent_ms: crate::facts::ms(silent_for) }, rooms);
                self.on_media_lost(leg, rooms);
            }
            MediaEvent::Strangers { leg, packets } => {
                self.strangers(leg, u64::from(packets), rooms);
            }
            MediaEvent::FirstPacket { leg } => self.first_heard(leg, rooms),
            MediaEvent::OneWay { leg, way, missing } => {
                if let Some(l) = self.leg_mut(leg) {
                    l.sound.now(way, missing);
                }
                rooms.totals.one_way += u64::from(missing);
                self.fact(Fact::OneWay { leg, way, missing }, rooms);
            }
            MediaEvent::Quality { leg, quality } => {
                if let Some(l) = self.leg_mut(leg) {
                    l.sound.quality = Some(quality);
                }
            }
            MediaEvent::Resumed { .. }
            | MediaEvent::Relatched { .. }
            | MediaEvent::Report { .. }
            | MediaEvent::Closed { .. } => {}
        }
    }

    /// Something came from the SIP session of one of its legs.
    pub(crate) fn on_sip(&mut self, leg: LegId, event: &SipEvent, rooms: &mut Rooms) {
        match event {
            SipEvent::Ringing { sdp, .. } => {
                self.on_ringing(leg, rooms);
                self.early_sound(leg, sdp.as_deref(), rooms);
            }
            SipEvent::Answered { sdp, .. } => self.on_answered(leg, sdp.as_deref(), rooms),
            SipEvent::Rejected { status, reason, retry_after_s, .. } => {
                self.on_rest_asked(leg, *status, *retry_after_s, rooms);
                self.on_rejected(leg, Refused { status: *status, reason: *reason }, rooms);
            }
            SipEvent::Reoffered { sdp, .. } => self.on_reoffered(leg, sdp.as_deref(), rooms),
            SipEvent::Confirmed { sdp, .. } => self.on_confirmed(leg, sdp.as_deref(), rooms),
            SipEvent::ReofferAnswered { sdp, .. } => self.on_reoffer_answered(leg, sdp.as_deref(), rooms),
            SipEvent::Cancelled { .. } => self.on_party_gone(leg, EndCause::CallerHungUp, rooms),
            SipEvent::Ended { ending, .. } => {
                let cause = match (ending, leg == self.caller_leg) {
                    (Ending::RemoteBye, true) => EndCause::CallerHungUp,
                    (Ending::RemoteBye, false) => EndCause::ConsultantHungUp,
                    (Ending::LocalBye, _) => return,
                    (Ending::NoAnswer, _) => EndCause::NoCommonSound,
                    (Ending::Timeout | Ending::Transport | Ending::SessionExpired, _) => {
                        EndCause::SignallingLost
                    }
                };
                self.on_party_gone(leg, cause, rooms);
            }
            SipEvent::Referred { session, referral } => self.on_referred(leg, *session, referral, rooms),
            SipEvent::Info { digit: Some(digit), .. } => self.on_digit(leg, *digit, Way::Info, rooms),
            _ => {}
        }
    }

    /// A timer of the call fired.
    pub(crate) fn on_wake(&mut self, wake: Wake, rooms: &mut Rooms) {
        match wake {
            Wake::Script => self.script_due(rooms),
            Wake::NoProgress => self.on_no_progress(rooms),
            Wake::RungOut => self.rung_out(rooms),
        }
    }

    /// Packets of strangers: a fact at first and then each time there are twice as many, so that a sprayer cannot
    /// fill the journal.
    fn strangers(&mut self, leg: LegId, packets: u64, rooms: &mut Rooms) {
        self.strange += packets;
        if self.strange >= self.strange_told.saturating_mul(2).max(1) {
            self.strange_told = self.strange;
            self.fact(Fact::Strangers { leg, packets: self.strange }, rooms);
        }
    }

    fn on_port_open(&mut self, leg: LegId, rooms: &mut Rooms) {
        if leg == self.caller_leg {
            self.caller_port_open(rooms);
            return;
        }
        match &self.state {
            State::Waiting(_) => self.ring_consultant(leg, rooms),
            State::Talking(_) => {
                self.call_aside(leg, rooms);
                self.second_phone_comes(leg, rooms);
            }
            State::Transferring(_) => self.call_transferred(leg, rooms),
            State::Forwarding(_) => self.dial_forward(leg, rooms),
            State::Direct(_) => self.ring_direct(leg, rooms),
            _ => {}
        }
    }

    fn on_port_failed(&mut self, leg: LegId, rooms: &mut Rooms) {
        let id = self.id;
        if self.leg_mut(leg).is_some_and(|l| l.open_another(id, rooms)) {
            return;
        }
        if leg == self.caller_leg {
            self.refuse(503, "no RTP port could be opened", rooms);
        } else {
            self.on_rejected(leg, Refused::unheard(Rejection::Transport), rooms);
        }
    }

    fn on_played(&mut self, play: PlayId, rooms: &mut Rooms) {
        if let Some((_, say)) = self.saying.take_if(|(p, _)| *p == play) {
            self.script_said(say, rooms);
            return;
        }
        match &self.state {
            State::Waiting(_) => self.announced(play, rooms),
            State::Talking(_) => self.told(play, rooms),
            State::Forwarding(_) => self.forward_said(play, rooms),
            State::Feature(_) => self.feature_said(play, rooms),
            _ => {}
        }
    }

    fn on_digit(&mut self, leg: LegId, digit: char, way: Way, rooms: &mut Rooms) {
        let now = rooms.now;
        if self.leg_mut(leg).is_some_and(|leg| !leg.presses.count(digit, way, now)) {
            return;
        }
        match &self.state {
            State::Script | State::Waiting(_) if leg == self.caller_leg => self.script_digit(digit, rooms),
            // The urgent key is live at every moment (FEATURES I3), also while 1414 is being dialled.
            State::Forwarding(f) if leg == self.caller_leg && f.is_by_script() => {
                self.script_digit(digit, rooms);
            }
            State::Talking(t) if t.keys_come_from(leg) => self.consultant_key(digit, rooms),
            State::Feature(_) => self.feature_key(digit, rooms),
            _ => {}
        }
    }

    fn on_ringing(&mut self, leg: LegId, rooms: &mut Rooms) {
        if leg == self.caller_leg {
            return;
        }
        rooms.timers.cancel((self.id, Wake::NoProgress));
        match &self.state {
            State::Waiting(_) => self.consultant_rings(leg, rooms),
            State::Talking(_) => self.aside_rings(leg, rooms),
            State::Transferring(_) => self.transfer_rings(leg, rooms),
            State::Direct(_) => self.direct_rings(rooms),
            _ => {}
        }
    }

    fn on_answered(&mut self, leg: LegId, sdp: Option<&[u8]>, rooms: &mut Rooms) {
        rooms.timers.cancel((self.id, Wake::NoProgress));
        match &self.state {
            State::Waiting(_) => self.consultant_picks_up(leg, sdp, rooms),
            State::Talking(_) => self.aside_answered(leg, sdp, rooms),
            State::Transferring(_) => self.transfer_answered(leg, sdp, rooms),
            State::Forwarding(_) => self.forward_answered(leg, sdp, rooms),
            State::Direct(_) => self.direct_answered(leg, sdp, rooms),
            _ => {}
        }
    }

    fn on_rejected(&mut self, leg: LegId, refused: Refused, rooms: &mut Rooms) {
        rooms.timers.cancel((self.id, Wake::NoProgress));
        match &self.state {
            State::Waiting(_) => self.consultant_declines(leg, refused, rooms),
            State::Talking(_) => self.beside_rejected(leg, refused, rooms),
            State::Transferring(_) => self.transfer_rejected(leg, refused, rooms),
            State::Forwarding(_) => self.forward_rejected(leg, refused, rooms),
            State::Direct(_) => self.direct_rejected(leg, refused, rooms),
            _ => {}
        }
    }

    fn on_reoffered(&mut self, leg: LegId, sdp: Option<&[u8]>, rooms: &mut Rooms) {
        let id = self.id;
        let Some(which) = self.leg_mut(leg) else { return };
        if which.reoffered(id, sdp, rooms).is_ok() {
            self.media_changed(leg, rooms);
        }
    }

    /// The party's answer to an offer of ours within the dialog: that of a re-INVITE which brought none. One that is
    /// missing or does not fit changes nothing: the talk goes on as it was.
    fn on_reoffer_answered(&mut self, leg: LegId, sdp: Option<&[u8]>, rooms: &mut Rooms) {
        let id = self.id;
        let Some(which) = self.leg_mut(leg) else { return };
        if which.answered(id, sdp, rooms).is_ok() {
            self.media_changed(leg, rooms);
        }
    }

    /// Our 200 arrived. If the offer was ours, the answer is here now, or there is no sound and the call is over.
    fn on_confirmed(&mut self, leg: LegId, sdp: Option<&[u8]>, rooms: &mut Rooms) {
        let id = self.id;
        let Some(which) = self.leg_mut(leg).filter(|l| l.sdp.current().is_none()) else { return };
        if which.answered(id, sdp, rooms).is_err() {
            self.on_party_gone(leg, EndCause::NoCommonSound, rooms);
        }
    }

    fn media_changed(&mut self, leg: LegId, rooms: &mut Rooms) {
        if matches!(&self.state, State::Talking(t) if t.leg.id == leg) {
            self.consultant_media_changed(rooms);
        }
    }

    fn leg_mut(&mut self, leg: LegId) -> Option<&mut Leg> {
        if leg == self.caller_leg {
            return self.caller.as_mut();
        }
        let other = match &mut self.state {
            State::Waiting(w) => w.ringing_leg(),
            State::Talking(t) => t.leg_mut(leg),
            State::Transferring(t) => t.leg_mut(leg),
            State::Forwarding(f) => f.leg_mut(leg),
            State::Forwarded(l) => Some(l),
            State::Direct(d) => d.leg_mut(),
            _ => None,
        };
        other.filter(|l| l.id == leg)
    }

    fn rung_out(&mut self, rooms: &mut Rooms) {
        match &self.state {
            State::Talking(_) => self.aside_over(ForwardResult::NoAnswer, None, rooms),
            State::Transferring(_) => self.transfer_failed(ForwardResult::NoAnswer, None, rooms),
            State::Direct(_) => self.direct_rung_out(rooms),
            _ => self.on_rung_out(rooms),
        }
    }
}
