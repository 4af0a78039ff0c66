//! Callers and consultants: softphones on real sockets.

use super::{House, PATIENCE};
use core::time::Duration;
use senim_base::{Entropy, Instant, Redacted};
use senim_net::phones::{Account, PhoneId, Phones, Seat};
use senim_phone::{Event, Voice};
use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{self, Receiver};

/// All phones of a test.
pub(crate) struct Street {
    pub(crate) phones: Phones,
    told: Receiver<(PhoneId, Event)>,
    kept: RefCell<Vec<(PhoneId, Event)>>,
    line: SocketAddr,
    callers: IpAddr,
    desks: IpAddr,
}

impl Street {
    pub(crate) fn new(house: &House) -> Street {
        let origin = std::time::Instant::now();
        let clock = move || Instant::from_millis(1_000) + origin.elapsed();
        let (to, told) = mpsc::channel();
        let tell = move |phone, event| {
            let _ = to.send((phone, event));
        };
        let phones = Phones::start(Entropy::from_seed(u64::from(std::process::id())), clock, tell).unwrap();
        Street {
            phones,
            told,
            kept: RefCell::default(),
            line: house.sip(),
            callers: house.callers_ip(),
            desks: house.desks_ip(),
        }
    }

    /// A phone at an address of ours that takes this one for the line, and speaks this tone.
    pub(crate) fn add(
        &self,
        ip: IpAddr,
        line: SocketAddr,
        user: &str,
        password: Option<&str>,
        hz: f32,
    ) -> PhoneId {
        let account = Account {
            user: user.into(),
            password: password.map(|p| Redacted::new(p.to_owned())),
            host: "senim".into(),
            line,
            capabilities: senim_sdp::Capabilities::default(),
            keep: Duration::from_secs(60),
        };
        let id = self.phones.add(Seat::bind(ip).unwrap(), account).unwrap();
        self.phones.with(id, move |p, _| p.say(Voice::Tone(hz)));
        id
    }

    /// A caller with this number, who speaks this tone.
    pub(crate) fn caller(&self, number: &str, hz: f32) -> PhoneId {
        self.caller_by(self.line, number, hz)
    }

    /// The same over a wire that ends here.
    pub(crate) fn caller_by(&self, wire: SocketAddr, number: &str, hz: f32) -> PhoneId {
        self.add(self.callers, wire, number, None, hz)
    }

    /// A consultant's softphone, registered, who speaks this tone.
    pub(crate) fn consultant(&self, login: &str, hz: f32) -> PhoneId {
        self.consultant_by(self.line, login, hz)
    }

    /// The same over a wire that ends here.
    pub(crate) fn consultant_by(&self, wire: SocketAddr, login: &str, hz: f32) -> PhoneId {
        let id = self.add(self.desks, wire, login, Some("sesame"), hz);
        self.register(id);
        id
    }

    /// Registers.
    pub(crate) fn register(&self, phone: PhoneId) {
        self.phones.with(phone, |p, now| p.register(600, now));
        self.until(phone, Event::Registered);
    }

    /// Calls.
    pub(crate) fn dial(&self, phone: PhoneId, number: &'static str) {
        self.phones.with(phone, move |p, now| assert!(p.dial(number, now)));
    }

    /// Waits for an event of a phone.
    pub(crate) fn until(&self, phone: PhoneId, wanted: Event) {
        let mut kept = self.kept.borrow_mut();
        if let Some(at) = kept.iter().position(|k| *k == (phone, wanted)) {
            kept.remove(at);
            return;
        }
        loop {
            let told = self.told.recv_timeout(PATIENCE);
            let Ok(told) = told else { panic!("{phone} is told {wanted:?} in time; kept: {kept:?}") };
            if told == (phone, wanted) {
                return;
            }
            kept.push(told);
        }
    }

    /// The line is dead: hangs up whatever these phones still believe in, what was just on the wire included, and
    /// forgets what they told.
    pub(crate) fn hush(&self, phones: &[PhoneId]) {
        for _ in 0..10 {
            for phone in phones {
                self.phones.with(*phone, |p, now| p.hang_up(now));
                // An answer comes after a turn of the phones' thread, which reads their sockets.
                let _ = self.phones.ask(*phone, |p, _| p.is_busy());
            }
        }
        self.kept.borrow_mut().clear();
        while self.told.try_recv().is_ok() {}
    }

    /// A caller comes through to a consultant and both hear each other.
    pub(crate) fn talk(&self, caller: PhoneId, consultant: PhoneId) {
        self.dial(caller, "queue");
        self.until(caller, Event::Answered);
        self.pick_up(consultant);
    }

    /// The softphone rings and is answered; the talk stands when both were told and the consultant hears something.
    pub(crate) fn pick_up(&self, consultant: PhoneId) {
        self.until(consultant, Event::Incoming);
        self.phones.with(consultant, |p, now| p.answer(now));
        self.until(consultant, Event::Answered);
        self.hears(consultant, 4_000);
    }

    /// Waits until a phone has so many samples.
    pub(crate) fn hears(&self, phone: PhoneId, samples: usize) {
        super::eventually("sound", || (self.phones.heard(phone).len() >= samples).then_some(()));
    }

    /// Hangs up.
    pub(crate) fn hang_up(&self, phone: PhoneId) {
        self.phones.with(phone, |p, now| p.hang_up(now));
        self.until(phone, Event::Ended { by_peer: false });
    }
}
