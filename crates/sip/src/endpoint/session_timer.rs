//! Session timers (RFC 4028; FEATURES T15): one side refreshes the session at half of an agreed time, and whoever
//! does not hear of that says goodbye. So a call whose other end has died does not stand for ever. The switch notices
//! only such an end.

use super::errand::{Errand, Task};
use super::session::{Clock, Reoffer, Session, State};
use super::{Due, Ending, Endpoint, Event, SessionId, wire};
use crate::message::{Message, text};
use core::time::Duration;
use senim_base::Instant;

/// Longest Min-SE that we follow, seconds. A peer that wants more is not called.
const MIN_SE_MAX: u32 = 86_400;
/// How long before the end whoever waits for a refresh says goodbye (RFC 4028 section 10): this or a third.
const GRACE_S: u32 = 32;
/// Pause before a refresh is tried again that could not be made or was refused.
const RETRY: Duration = Duration::from_secs(10);
/// Why a session that nobody refreshed ends (RFC 3326).
const EXPIRED: &str = "SIP;cause=408;text=\"Session expired\"";

/// What the operator decides about session timers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionTimer {
    /// How long a session lives without a refresh, seconds; 0 asks for no timers, and grants what peers ask for.
    pub expires_s: u32,
    /// The shortest such time that we let a peer ask for, seconds; RFC 4028 section 5 wants 90 or more.
    pub min_s: u32,
}

impl Default for SessionTimer {
    fn default() -> Self {
        SessionTimer { expires_s: 1_800, min_s: 90 }
    }
}

/// What was agreed of a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Running {
    pub(super) expires_s: u32,
    /// We refresh.
    pub(super) ours: bool,
}

/// What we grant to a request of the peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Grant {
    running: Running,
    /// The peer knows the extension: it may be required of him.
    known: bool,
}

impl Grant {
    /// The headers of our 2xx.
    pub(super) fn headers(grant: Option<Grant>) -> Vec<(&'static str, String)> {
        let Some(Grant { running, known }) = grant else { return Vec::new() };
        let refresher = if running.ours { "uas" } else { "uac" };
        let mut headers = vec![("Session-Expires", format!("{};refresher={refresher}", running.expires_s))];
        if known {
            headers.push(("Require", "timer".to_owned()));
        }
        headers
    }
}

/// Seconds of Session-Expires, and who is to refresh: `true` for whoever sent the request.
fn read(message: &Message) -> Option<(u32, Option<bool>)> {
    let value = message.header("Session-Expires")?;
    let (seconds, params) = value.find(';').map_or((value, ""), |at| value.split_at(at));
    let params = text::params(params).ok()?;
    let refresher = match text::param(&params, "refresher").flatten() {
        Some(who) if who.eq_ignore_ascii_case("uac") => Some(true),
        Some(who) if who.eq_ignore_ascii_case("uas") => Some(false),
        _ => None,
    };
    Some((text::saturating_u32(seconds)?, refresher))
}

/// Seconds of Min-SE; 0 when there is none that reads.
fn min_se(message: &Message) -> u32 {
    let value = message.header("Min-SE").unwrap_or_default();
    text::saturating_u32(value.split(';').next().unwrap_or_default()).unwrap_or(0)
}

impl SessionTimer {
    /// The answer to a request of the peer (RFC 4028 section 9). `Err`: too short, with our Min-SE.
    pub(super) fn grant(self, request: &Message) -> Result<Option<Grant>, u32> {
        let known = wire::lists(request, "Supported", "timer") || wire::lists(request, "Require", "timer");
        let asked = read(request);
        if asked.is_none() && (self.expires_s == 0 || !known) {
            return Ok(None);
        }
        let ceiling = if self.expires_s == 0 { u32::MAX } else { self.expires_s };
        let floor = min_se(request).min(MIN_SE_MAX).max(self.min_s);
        let expires_s = match asked {
            Some((seconds, _)) if seconds < self.min_s && known => return Err(self.min_s),
            // A proxy asked on behalf of a caller who does not know the extension: he cannot be refused.
            Some((seconds, _)) => seconds.min(ceiling).max(floor),
            None => self.expires_s.max(floor),
        };
        let ours = !known || asked.and_then(|(_, sender)| sender) == Some(false);
        Ok(Some(Grant { running: Running { expires_s, ours }, known }))
    }
}

impl Session {
    /// The headers of a request of ours that begins or refreshes a session.
    pub(super) fn timer_headers(&self, settings: SessionTimer) -> Vec<(&'static str, String)> {
        if settings.expires_s == 0 {
            return Vec::new();
        }
        let min_s = self.min_se_s.max(settings.min_s);
        let mut headers = vec![("Min-SE", min_s.to_string())];
        match self.timer {
            Some(Running { expires_s, ours }) => {
                let refresher = if ours { "uac" } else { "uas" };
                headers.push(("Session-Expires", format!("{};refresher={refresher}", expires_s.max(min_s))));
            }
            None if self.state == State::Calling => {
                headers.push(("Session-Expires", settings.expires_s.max(min_s).to_string()));
            }
            None => headers.clear(),
        }
        headers
    }

    /// 422: the peer wants longer sessions. Whether it makes sense to ask again.
    pub(super) fn raise_min_se(&mut self, response: &Message) -> bool {
        let wanted = min_se(response);
        let raises = response.status() == Some(422) && wanted > self.min_se_s && wanted <= MIN_SE_MAX;
        if raises {
            self.min_se_s = wanted;
        }
        raises
    }
}

impl Endpoint {
    /// The peer's 2xx says what holds from now on (RFC 4028 section 7.2).
    pub(super) fn timer_answered(&mut self, id: SessionId, response: &Message, now: Instant) {
        let running = read(response)
            .map(|(expires_s, sender)| Running { expires_s: expires_s.max(1), ours: sender != Some(false) });
        self.run_timer(id, running, now);
    }

    /// Our 2xx does.
    pub(super) fn timer_granted(&mut self, id: SessionId, grant: Option<Grant>, now: Instant) {
        self.run_timer(id, grant.map(|g| g.running), now);
    }

    fn run_timer(&mut self, id: SessionId, running: Option<Running>, now: Instant) {
        self.timers.cancel(Due::Session(id, Clock::Refresh));
        self.timers.cancel(Due::Session(id, Clock::Expired));
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.timer = running;
        let Some(Running { expires_s, ours }) = running else { return };
        if ours {
            let half = Duration::from_millis(u64::from(expires_s) * 500);
            self.timers.set(Due::Session(id, Clock::Refresh), now + half);
        }
        let last = expires_s - GRACE_S.min(expires_s / 3);
        self.timers.set(Due::Session(id, Clock::Expired), now + Duration::from_secs(last.into()));
    }

    /// Refreshes by UPDATE if the peer takes that, else by re-INVITE with the SDP as it was.
    pub(super) fn refresh(&mut self, id: SessionId, now: Instant) {
        let settings = self.settings.session_timer;
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let busy = session.state != State::Confirmed
            || session.pending.is_some()
            || session.ok.is_some()
            || session.reoffer.is_some();
        if busy {
            self.refresh_later(id, now);
        } else if session.takes_update {
            let mut headers = session.timer_headers(settings);
            headers.push(("Supported", wire::SUPPORTED.to_owned()));
            self.send_errand(id, Errand::new(Task::Refresh, headers), now);
        } else if let Some(sdp) = session.ours.clone() {
            session.refreshing = true;
            session.reoffer = Some(Reoffer::Wanted { sdp, tries: 0 });
            self.try_reoffer(id, now);
        }
    }

    pub(super) fn refresh_later(&mut self, id: SessionId, now: Instant) {
        let ours = self.sessions.get(&id).and_then(|s| s.timer).is_some_and(|timer| timer.ours);
        if ours {
            self.timers.set(Due::Session(id, Clock::Refresh), now + RETRY);
        }
    }

    /// Our UPDATE that refreshes was answered.
    pub(super) fn refreshed(&mut self, id: SessionId, status: u16, response: Option<&Message>, now: Instant) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        match (status, response) {
            (200..300, Some(response)) => {
                session.dialog.refresh(response);
                // A 2xx without the header ends the timer; a refresh was agreed upon, so the old time holds.
                let running = session.timer;
                if read(response).is_some() {
                    self.timer_answered(id, response, now);
                } else {
                    self.run_timer(id, running, now);
                }
            }
            (408 | 481, _) => self.lost(id, now),
            (422, Some(response)) if session.raise_min_se(response) => self.refresh(id, now),
            (405 | 501, _) => {
                session.takes_update = false;
                self.refresh(id, now);
            }
            _ => self.refresh_later(id, now),
        }
    }

    /// Nobody refreshed.
    pub(super) fn session_expired(&mut self, id: SessionId, now: Instant) {
        // A session that is not confirmed has nearer ends.
        if self.sessions.get(&id).is_some_and(|s| s.state == State::Confirmed) {
            self.tell_end(id, Event::Ended { session: id, ending: Ending::SessionExpired });
            self.bye(id, Some(EXPIRED), now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &str) -> Message {
        let text = format!(
            "INVITE sip:111@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=t\r\n\
             To: <sip:111@192.0.2.1>\r\nCall-ID: c\r\nCSeq: 5 INVITE\r\n{headers}Content-Length: 0\r\n\r\n"
        );
        Message::parse(text.as_bytes()).unwrap()
    }

    /// RFC 4028 table 2 and section 9.
    #[test]
    fn the_refresher_is_elected_as_the_table_says() {
        let settings = SessionTimer { expires_s: 1_800, min_s: 90 };
        let granted = |headers: &str| {
            settings
                .grant(&request(headers))
                .map(|g| g.map(|g| (g.running.expires_s, g.running.ours, g.known)))
        };
        let supports = "Supported: timer\r\n";
        let with = |value: &str| format!("{supports}Session-Expires: {value}\r\n");
        assert_eq!(granted(""), Ok(None));
        assert_eq!(granted(supports), Ok(Some((1_800, false, true))));
        assert_eq!(granted(&with("600")), Ok(Some((600, false, true))));
        assert_eq!(granted(&with("600;refresher=uac")), Ok(Some((600, false, true))));
        assert_eq!(granted(&with("600;refresher=uas")), Ok(Some((600, true, true))));
        assert_eq!(granted("x: 600\r\n"), Ok(Some((600, true, false))));
        // Too long is shortened, but not below what the caller can bear; too short is refused to those who know.
        assert_eq!(granted(&with("7200")), Ok(Some((1_800, false, true))));
        assert_eq!(granted(&format!("{}Min-SE: 3600\r\n", with("7200"))), Ok(Some((3_600, false, true))));
        assert_eq!(granted(&with("89")), Err(90));
        assert_eq!(granted(&with("90")), Ok(Some((90, false, true))));
        assert_eq!(granted("Session-Expires: 30\r\n"), Ok(Some((90, true, false))));
        assert_eq!(granted(&with("nonsense")), Ok(Some((1_800, false, true))));
        let off = SessionTimer { expires_s: 0, min_s: 90 };
        assert_eq!(off.grant(&request(supports)), Ok(None));
        assert!(off.grant(&request(&with("600"))).unwrap().is_some());
    }
}
