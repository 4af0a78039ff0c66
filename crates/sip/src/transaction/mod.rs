//! Transactions, RFC 3261 section 17 with the corrections of RFC 6026 and RFC 4320: four tables, one store. Lost
//! messages are repeated and repeated ones absorbed here, so that the sessions above see each message once.
//!
//! The store is generic over its user `U`, a small value that says whose transaction it is.

#[cfg(test)]
mod cells;
mod client;
mod client_invite;
mod hop;
mod large;
mod server;
mod server_invite;
mod table;
pub(crate) mod timers;

pub(crate) use hop::cancel_of;
pub(crate) use table::News;

use crate::message::MessageBuilder;
use crate::{Flow, IpNet, Message};
use large::Large;
use senim_base::{Instant, Timers};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use table::{Action, Class, Event};
use timers::{Timer, span};

/// Most transactions alive at once, in all rooms.
pub const TRANSACTIONS_MAX: usize = LIVE_MAX + CALLS_MAX + OTHERS_MAX;
/// Most of requests within dialogs, and of our own. Beyond, the peer's are answered and forgotten, ours not begun.
pub const LIVE_MAX: usize = 200_000;
/// Most of INVITEs that want a new call: three thousand a second. Beyond, they get 503 and are forgotten.
pub const CALLS_MAX: usize = 100_000;
/// Most of everything else. Beyond, requests are answered and forgotten: a copy is answered anew.
pub const OTHERS_MAX: usize = 8_192;

/// What a transaction is for: each room has a ceiling of its own, so that one kind cannot crowd out another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Room {
    Live,
    Calls,
    Others,
}

impl Room {
    /// The room of a peer's request.
    fn of(request: &Message) -> Room {
        if request.has_to_tag() {
            Room::Live
        } else if hop::method_of(request) == "INVITE" {
            Room::Calls
        } else {
            Room::Others
        }
    }
}

/// How many are alive in each room.
#[derive(Clone, Debug, Default)]
struct Rooms {
    live: usize,
    calls: usize,
    others: usize,
}

impl Rooms {
    fn place(&mut self, room: Room) -> (&mut usize, usize) {
        match room {
            Room::Live => (&mut self.live, LIVE_MAX),
            Room::Calls => (&mut self.calls, CALLS_MAX),
            Room::Others => (&mut self.others, OTHERS_MAX),
        }
    }

    /// Takes a place. `false`: there is none.
    fn enter(&mut self, room: Room) -> bool {
        let (count, most) = self.place(room);
        let fits = *count < most;
        *count += usize::from(fits);
        fits
    }

    fn leave(&mut self, room: Room) {
        let (count, _) = self.place(room);
        *count = count.saturating_sub(1);
    }
}

/// Names a transaction; never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct TxId(u64);

/// Which table, and where in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Machine {
    ClientInvite(client_invite::State),
    Client(client::State),
    ServerInvite(server_invite::State),
    Server(server::State),
}

impl Machine {
    fn step(self, event: Event) -> (Machine, &'static [Action]) {
        fn put<S>(
            made: impl Fn(S) -> Machine,
            (state, actions): (S, &'static [Action]),
        ) -> (Machine, &'static [Action]) {
            (made(state), actions)
        }
        match self {
            Machine::ClientInvite(s) => put(Machine::ClientInvite, client_invite::step(s, event)),
            Machine::Client(s) => put(Machine::Client, client::step(s, event)),
            Machine::ServerInvite(s) => put(Machine::ServerInvite, server_invite::step(s, event)),
            Machine::Server(s) => put(Machine::Server, server::step(s, event)),
        }
    }

    fn is_over(self) -> bool {
        matches!(
            self,
            Machine::ClientInvite(client_invite::State::Terminated)
                | Machine::Client(client::State::Terminated)
                | Machine::ServerInvite(server_invite::State::Terminated)
                | Machine::Server(server::State::Terminated)
        )
    }
}

/// What names a transaction on the wire. Server and client keys never meet: the side is part of the key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Key {
    /// Method and branch: ours.
    Client(String),
    /// Whatever RFC 3261 section 17.2.3 compares: the peer's.
    Server(String),
}

impl Key {
    fn of_request(method: &str, branch: &str) -> Key {
        Key::Client([method, branch].join(" "))
    }

    /// The key of the request that a response answers (RFC 3261 section 17.1.3). `None`: no branch of ours.
    fn of_response(response: &Message) -> Option<Key> {
        Some(Key::of_request(response.cseq_method()?, response.hop()?.branch?))
    }
}

#[derive(Clone, Debug)]
struct Transaction<U> {
    machine: Machine,
    user: U,
    room: Room,
    flow: Flow,
    key: Key,
    /// What a repeat sends: the request of a client, the last response of a server.
    last: Vec<u8>,
    /// The INVITE of a server, until something was said: 100 Trying answers it.
    unanswered: Option<Arc<Message>>,
    /// The ACK of a refusal.
    ack: Vec<u8>,
    /// How often the repeating timer was started.
    round: u32,
    /// What a merged request would share with this one (RFC 3261 section 8.2.2.2).
    merge: Option<String>,
    /// The request for UDP, while it is being tried by TCP and nothing was heard (RFC 3261 section 18.1.1).
    by_udp: Option<(Flow, Vec<u8>)>,
}

/// What a response did to the transaction it belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Heard<U> {
    /// It belongs to none: drop it.
    Stray,
    /// The transaction dealt with it.
    Absorbed,
    /// The user is to see it.
    Told(TxId, U),
}

/// All transactions.
#[derive(Clone, Debug)]
pub(crate) struct Transactions<U> {
    live: BTreeMap<TxId, Transaction<U>>,
    by_key: BTreeMap<Key, TxId>,
    by_merge: BTreeMap<String, TxId>,
    rooms: Rooms,
    timers: Timers<(TxId, Timer)>,
    next: u64,
    out: VecDeque<(Flow, Vec<u8>)>,
    large: Large,
}

impl<U: Copy> Transactions<U> {
    pub(crate) fn new() -> Self {
        Transactions {
            live: BTreeMap::new(),
            by_key: BTreeMap::new(),
            by_merge: BTreeMap::new(),
            rooms: Rooms::default(),
            timers: Timers::new(),
            next: 0,
            out: VecDeque::new(),
            large: Large::default(),
        }
    }

    /// Requests that are too large for a datagram go to these peers by TCP, from these addresses.
    pub(crate) fn large_by_tcp(&mut self, locals: Vec<SocketAddr>, peers: Vec<IpNet>) {
        self.large = Large::new(locals, peers);
    }

    /// Bytes to send, in order.
    pub(crate) fn poll(&mut self) -> Option<(Flow, Vec<u8>)> {
        self.out.pop_front()
    }

    /// When [`Transactions::expire`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.timers.next().map(|(at, _)| at)
    }

    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }

    pub(crate) fn timers_len(&self) -> usize {
        self.timers.len()
    }

    /// Whether a new one of ours would be one too many.
    pub(crate) fn is_full(&self) -> bool {
        self.rooms.live >= LIVE_MAX
    }

    /// Sends a request of ours and watches over it. `branch` is the one in its top Via. `None` when
    /// [`LIVE_MAX`] are alive: nothing was sent.
    pub(crate) fn request(&mut self, request: Request, user: U, now: Instant) -> Option<TxId> {
        if !self.rooms.enter(Room::Live) {
            return None;
        }
        let machine = if request.method == "INVITE" {
            Machine::ClientInvite(client_invite::State::Calling)
        } else {
            Machine::Client(client::State::Trying)
        };
        let switched = self.large.by_tcp(&request, now);
        let own = (request.flow, request.bytes);
        let ((flow, bytes), by_udp) = switched.map_or((own.clone(), None), |tcp| (tcp, Some(own)));
        let key = Key::of_request(&request.method, &request.branch);
        let id = self.insert(machine, key, (user, Room::Live), flow, bytes);
        if let Some(tx) = self.live.get_mut(&id) {
            tx.by_udp = by_udp;
        }
        self.begin(id, now);
        Some(id)
    }

    /// Sends a request of ours for the first time on its way.
    fn begin(&mut self, id: TxId, now: Instant) {
        let Some(tx) = self.live.get_mut(&id) else { return };
        tx.round = 0;
        self.out.push_back((tx.flow, tx.last.clone()));
        let timers = match tx.machine {
            Machine::ClientInvite(_) => [Timer::A, Timer::B],
            _ => [Timer::E, Timer::F],
        };
        for timer in timers {
            self.arm(id, timer, now);
        }
    }

    /// Takes up a request of the peer, which [`Transactions::repeated`] did not know. `None` when
    /// its room is full.
    pub(crate) fn accept(
        &mut self,
        request: &Arc<Message>,
        flow: Flow,
        user: U,
        now: Instant,
    ) -> Option<TxId> {
        let room = Room::of(request);
        if !self.rooms.enter(room) {
            return None;
        }
        let invite = hop::method_of(request) == "INVITE";
        let machine = if invite {
            Machine::ServerInvite(server_invite::State::Proceeding)
        } else {
            Machine::Server(server::State::Trying)
        };
        let key = Key::Server(hop::server_key(request, hop::method_of(request)));
        let id = self.insert(machine, key, (user, room), flow, Vec::new());
        let merge = hop::merge_key(request);
        if let (Some(tx), Some(merge)) = (self.live.get_mut(&id), merge) {
            tx.merge = Some(merge.clone());
            self.by_merge.insert(merge, id);
        }
        if invite {
            if let Some(tx) = self.live.get_mut(&id) {
                tx.unanswered = Some(Arc::clone(request));
            }
            self.arm(id, Timer::Trying, now);
        }
        Some(id)
    }

    /// A request that belongs to a transaction: a copy, or the ACK of a refusal. `true` when it was dealt with.
    pub(crate) fn repeated(&mut self, request: &Message, now: Instant) -> bool {
        let method = hop::method_of(request);
        let (as_method, event) =
            if method == "ACK" { ("INVITE", Event::Ack) } else { (method, Event::Request) };
        let Some(id) = self.by_key.get(&Key::Server(hop::server_key(request, as_method))).copied() else {
            return false;
        };
        // The ACK of a 2xx has a branch of its own; one that carries the INVITE's (as some do) is the dialog's.
        if event == Event::Ack
            && let Some(Machine::ServerInvite(server_invite::State::Accepted)) =
                self.live.get(&id).map(|t| t.machine)
        {
            return false;
        }
        self.step(id, event, now);
        true
    }

    /// The INVITE that a CANCEL is about (RFC 3261 section 9.2).
    pub(crate) fn cancelled_by(&self, cancel: &Message) -> Option<(TxId, U)> {
        let id = *self.by_key.get(&Key::Server(hop::server_key(cancel, "INVITE")))?;
        Some((id, self.live.get(&id)?.user))
    }

    /// Whether this request came by another way already and is still being served (RFC 3261 section 8.2.2.2).
    pub(crate) fn is_merged(&self, request: &Message) -> bool {
        hop::merge_key(request).is_some_and(|key| self.by_merge.contains_key(&key))
    }

    /// Answers the peer's request. Ignored when the transaction is over.
    pub(crate) fn answer(&mut self, id: TxId, status: u16, bytes: Vec<u8>, now: Instant) {
        let Some(tx) = self.live.get_mut(&id) else { return };
        let event = Event::Answer(Class::of(status));
        let (_, actions) = tx.machine.step(event);
        if actions.contains(&Action::Send) {
            tx.unanswered = None;
            tx.last = bytes;
        }
        self.step(id, event, now);
    }

    /// Where the request went that this answers.
    pub(crate) fn asked(&self, response: &Message) -> Option<Flow> {
        self.live.get(self.by_key.get(&Key::of_response(response)?)?).map(|tx| tx.flow)
    }

    /// A response came.
    pub(crate) fn response(&mut self, response: &Message, now: Instant) -> Heard<U> {
        let (Some(status), Some(key)) = (response.status(), Key::of_response(response)) else {
            return Heard::Stray;
        };
        let Some(id) = self.by_key.get(&key).copied() else { return Heard::Stray };
        let class = Class::of(status);
        if class == Class::Failure
            && let Some(tx) = self.live.get_mut(&id)
            && matches!(tx.machine, Machine::ClientInvite(_))
            && let Some(ack) = hop::ack_of_refusal(&tx.last, response)
        {
            tx.ack = ack;
        }
        let Some(tx) = self.live.get_mut(&id) else { return Heard::Stray };
        tx.by_udp = None;
        let user = tx.user;
        match self.step(id, Event::Response(class), now) {
            Some(_) => Heard::Told(id, user),
            None => Heard::Absorbed,
        }
    }

    /// Fires one timer that is due. `Some(None)` when the user need not know.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<Option<(TxId, U, News)>> {
        let (id, timer) = self.timers.expire(now)?;
        let user = self.live.get(&id).map(|tx| tx.user);
        let news = self.step(id, Event::Fired(timer), now);
        Some(user.zip(news).map(|(user, news)| (id, user, news)))
    }

    /// The wire under these transactions broke. Gives those whose users must know.
    pub(crate) fn flow_failed(&mut self, flow: Flow, now: Instant) -> Vec<(TxId, U, News)> {
        let hit: Vec<_> = self
            .live
            .iter()
            .filter(|(_, t)| is_same_wire(t.flow, flow))
            .map(|(id, t)| (*id, t.user))
            .collect();
        hit.into_iter()
            .filter(|(id, _)| !self.fall_back(*id, now))
            .collect::<Vec<_>>()
            .into_iter()
            .filter_map(|(id, user)| self.step(id, Event::TransportFailed, now).map(|news| (id, user, news)))
            .collect()
    }

    /// A large request whose peer takes no connection goes by UDP after all. `false`: it was none.
    fn fall_back(&mut self, id: TxId, now: Instant) -> bool {
        let Some(tx) = self.live.get_mut(&id) else { return false };
        let Some((flow, bytes)) = tx.by_udp.take() else { return false };
        self.large.refused(flow.remote, now);
        (tx.flow, tx.last) = (flow, bytes);
        self.timers.cancel_between((id, Timer::FIRST), (id, Timer::LAST));
        self.begin(id, now);
        true
    }

    /// The bytes of a request of ours that still lives: what a CANCEL copies from.
    pub(crate) fn sent(&self, id: TxId) -> Option<(&[u8], Flow)> {
        self.live.get(&id).map(|tx| (tx.last.as_slice(), tx.flow))
    }

    /// Ends a transaction without a word: its session gave up waiting (RFC 3261 section 9.1).
    pub(crate) fn forget(&mut self, id: TxId) {
        let Some(tx) = self.live.remove(&id) else { return };
        self.rooms.leave(tx.room);
        if self.by_key.get(&tx.key) == Some(&id) {
            self.by_key.remove(&tx.key);
        }
        if let Some(merge) = tx.merge {
            self.by_merge.remove(&merge);
        }
        self.timers.cancel_between((id, Timer::FIRST), (id, Timer::LAST));
    }

    fn insert(
        &mut self,
        machine: Machine,
        key: Key,
        (user, room): (U, Room),
        flow: Flow,
        last: Vec<u8>,
    ) -> TxId {
        self.next += 1;
        let id = TxId(self.next);
        self.by_key.insert(key.clone(), id);
        self.live.insert(
            id,
            Transaction {
                machine,
                user,
                room,
                flow,
                key,
                last,
                unanswered: None,
                ack: Vec::new(),
                round: 0,
                merge: None,
                by_udp: None,
            },
        );
        id
    }

    fn arm(&mut self, id: TxId, timer: Timer, now: Instant) {
        let Some(tx) = self.live.get_mut(&id) else { return };
        let Some(span) = span(timer, tx.flow.transport.is_reliable(), tx.round) else { return };
        if timer.repeats() {
            tx.round = tx.round.saturating_add(1);
        }
        self.timers.set((id, timer), now + span);
    }

    fn step(&mut self, id: TxId, event: Event, now: Instant) -> Option<News> {
        let tx = self.live.get_mut(&id)?;
        let (machine, actions) = tx.machine.step(event);
        tx.machine = machine;
        let mut told = None;
        for action in actions {
            match *action {
                Action::Send | Action::Resend => self.resend(id),
                Action::Trying => self.resend(id),
                Action::Acknowledge => self.acknowledge(id),
                Action::Arm(timer) => self.arm(id, timer, now),
                Action::ArmSlow(timer) => {
                    if let Some(tx) = self.live.get_mut(&id) {
                        tx.round = u32::MAX;
                    }
                    self.arm(id, timer, now);
                }
                Action::Disarm(timer) => {
                    self.timers.cancel((id, timer));
                }
                Action::Tell(news) => told = Some(news),
            }
        }
        if machine.is_over() {
            self.forget(id);
        }
        told
    }

    /// Sends the last words again; a ringing INVITE server that has said nothing yet says 100.
    fn resend(&mut self, id: TxId) {
        let Some(tx) = self.live.get_mut(&id) else { return };
        if let Some(invite) = tx.unanswered.take().filter(|_| tx.last.is_empty()) {
            tx.last = MessageBuilder::response(100, &invite, None).finish();
        }
        if !tx.last.is_empty() {
            self.out.push_back((tx.flow, tx.last.clone()));
        }
    }

    fn acknowledge(&mut self, id: TxId) {
        let Some(tx) = self.live.get_mut(&id) else { return };
        if !tx.ack.is_empty() {
            self.out.push_back((tx.flow, tx.ack.clone()));
        }
    }
}

/// A request of ours, ready to go.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) flow: Flow,
    pub(crate) method: String,
    pub(crate) branch: String,
    pub(crate) bytes: Vec<u8>,
}

/// Whether what goes by `used` is lost with `broken`. A flow that asked for a connection to be opened does not know
/// its number: it goes by whichever leads there.
fn is_same_wire(used: Flow, broken: Flow) -> bool {
    let asked = used.transport.is_reliable() && used.connection == 0;
    used == broken || (asked && used.transport == broken.transport && used.remote == broken.remote)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Transport;

    fn flow(transport: Transport) -> Flow {
        let (local, remote) = ("192.0.2.1:5060".parse().unwrap(), "198.51.100.7:5060".parse().unwrap());
        Flow { transport, local, remote, connection: 0 }
    }

    fn message(start: &str, branch: &str, to: &str, cseq: &str) -> Arc<Message> {
        let text = format!(
            "{start}\r\nVia: SIP/2.0/UDP 198.51.100.7;branch={branch}\r\nMax-Forwards: 70\r\nFrom: <sip:a@b>;tag=f\r\n\
             To: <sip:111@x>{to}\r\nCall-ID: c\r\nCSeq: {cseq}\r\nRoute: <sip:p;lr>\r\nContent-Length: 0\r\n\r\n"
        );
        Arc::new(Message::parse(text.as_bytes()).unwrap())
    }

    fn invite(branch: &str) -> Arc<Message> {
        message("INVITE sip:111@x SIP/2.0", branch, "", "1 INVITE")
    }

    fn sent(txs: &mut Transactions<()>) -> Vec<String> {
        core::iter::from_fn(|| txs.poll()).map(|(_, b)| String::from_utf8(b).unwrap()).collect()
    }

    /// When each repeat goes out, in ms, until the transaction is over.
    fn repeats(txs: &mut Transactions<()>) -> (Vec<u64>, u64) {
        let mut at = Vec::new();
        let mut last = 0;
        sent(txs);
        while let Some(now) = txs.deadline() {
            while txs.expire(now).is_some() {}
            last = now.as_millis();
            at.extend(sent(txs).iter().map(|_| last));
        }
        assert_eq!((txs.len(), txs.timers_len()), (0, 0));
        (at, last)
    }

    fn client(method: &str, transport: Transport) -> Transactions<()> {
        let mut txs = Transactions::new();
        let request = Request {
            flow: flow(transport),
            method: method.into(),
            branch: "z9hG4bKours".into(),
            bytes: message(&format!("{method} sip:111@x SIP/2.0"), "z9hG4bKours", "", &format!("1 {method}"))
                .to_bytes(),
        };
        txs.request(request, (), Instant::ZERO).unwrap();
        txs
    }

    #[test]
    fn unanswered_requests_are_repeated_as_the_tables_say() {
        let invite = vec![500, 1_500, 3_500, 7_500, 15_500, 31_500];
        assert_eq!(repeats(&mut client("INVITE", Transport::Udp)), (invite, 32_000));
        let other = vec![500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
        assert_eq!(repeats(&mut client("BYE", Transport::Udp)), (other, 32_000));
        assert_eq!(repeats(&mut client("INVITE", Transport::Tcp)), (vec![], 32_000));
        assert_eq!(repeats(&mut client("BYE", Transport::Tcp)), (vec![], 32_000));
    }

    #[test]
    fn a_refusal_is_repeated_until_its_ack() {
        for (transport, lingers_ms) in [(Transport::Udp, 5_000), (Transport::Tcp, 0)] {
            let mut txs = Transactions::new();
            let id = txs.accept(&invite("z9hG4bK1"), flow(transport), (), Instant::ZERO).unwrap();
            txs.answer(id, 486, vec![b'b'], Instant::ZERO);
            assert_eq!(sent(&mut txs), ["b"]);
            assert!(txs.repeated(&invite("z9hG4bK1"), Instant::ZERO));
            assert_eq!(sent(&mut txs), ["b"]);
            let ack = message("ACK sip:111@x SIP/2.0", "z9hG4bK1", ";tag=t", "1 ACK");
            assert!(txs.repeated(&ack, Instant::ZERO));
            assert_eq!(repeats(&mut txs), (vec![], lingers_ms));
        }
        let mut txs = Transactions::new();
        let id = txs.accept(&invite("z9hG4bK1"), flow(Transport::Udp), (), Instant::ZERO).unwrap();
        txs.answer(id, 486, vec![b'b'], Instant::ZERO);
        assert_eq!(repeats(&mut txs).0.len(), 10);
    }

    #[test]
    fn the_ack_of_a_refusal_and_the_cancel_copy_the_invites_hop() {
        let mut txs = client("INVITE", Transport::Udp);
        sent(&mut txs);
        let busy = message("SIP/2.0 486 Busy Here", "z9hG4bKours", ";tag=t", "1 INVITE");
        assert!(matches!(txs.response(&busy, Instant::ZERO), Heard::Told(..)));
        let first = sent(&mut txs);
        for wanted in [
            "ACK sip:111@x SIP/2.0",
            "branch=z9hG4bKours",
            "To: <sip:111@x>;tag=t",
            "CSeq: 1 ACK",
            "Route: <sip:p;lr>",
        ] {
            assert!(first[0].contains(wanted), "{wanted}: {first:?}");
        }
        // A copy is acknowledged and not told; a 200 now is nonsense.
        assert_eq!(txs.response(&busy, Instant::ZERO), Heard::Absorbed);
        assert_eq!(sent(&mut txs), first);
        let odd = message("SIP/2.0 200 OK", "z9hG4bKours", ";tag=t", "1 INVITE");
        assert_eq!(txs.response(&odd, Instant::ZERO), Heard::Absorbed);
        let stray = message("SIP/2.0 200 OK", "z9hG4bKours", ";tag=t", "1 BYE");
        assert_eq!(txs.response(&stray, Instant::ZERO), Heard::Stray);
        let (cancel, branch) = cancel_of(&invite("z9hG4bK7").to_bytes()).unwrap();
        let cancel = Message::parse(&cancel).unwrap();
        assert_eq!(
            (branch.as_str(), cancel.header("To"), cancel.header("CSeq")),
            ("z9hG4bK7", Some("<sip:111@x>"), Some("1 CANCEL"))
        );
    }

    /// RFC 3261 section 17.2.3, last part.
    #[test]
    fn branches_of_old_make_are_told_apart_by_what_rfc_2543_compared() {
        let mut txs = Transactions::new();
        let id = txs.accept(&invite("1"), flow(Transport::Udp), (), Instant::ZERO).unwrap();
        txs.answer(id, 486, vec![b'b'], Instant::ZERO);
        let ack = message("ACK sip:111@x SIP/2.0", "1", ";tag=t", "1 ACK");
        assert!(txs.repeated(&ack, Instant::ZERO));
        let next = message("INVITE sip:111@x SIP/2.0", "1", "", "2 INVITE");
        assert!(!txs.repeated(&next, Instant::ZERO));
    }

    #[test]
    fn an_accepted_invite_absorbs_copies_and_leaves_its_ack_to_the_dialog() {
        let mut txs = Transactions::new();
        let id = txs.accept(&invite("z9hG4bK1"), flow(Transport::Udp), (), Instant::ZERO).unwrap();
        txs.answer(id, 200, vec![b'o'], Instant::ZERO);
        sent(&mut txs);
        assert!(txs.repeated(&invite("z9hG4bK1"), Instant::ZERO));
        assert!(
            !txs.repeated(&message("ACK sip:111@x SIP/2.0", "z9hG4bK1", ";tag=t", "1 ACK"), Instant::ZERO)
        );
        txs.answer(id, 486, vec![b'x'], Instant::ZERO);
        assert!(sent(&mut txs).is_empty());
        assert_eq!(repeats(&mut txs), (vec![], 32_000));
    }

    fn ours(n: usize) -> Request {
        Request {
            flow: flow(Transport::Udp),
            method: "OPTIONS".into(),
            branch: format!("z9hG4bK{n}"),
            bytes: Vec::new(),
        }
    }

    #[test]
    fn one_transaction_too_many_is_not_begun() {
        let mut txs = Transactions::new();
        for n in 0..LIVE_MAX {
            assert!(txs.request(ours(n), (), Instant::ZERO).is_some());
        }
        assert!(txs.is_full());
        assert!(txs.request(ours(LIVE_MAX), (), Instant::ZERO).is_none());
        assert!(txs.accept(&invite("z9hG4bKi"), flow(Transport::Udp), (), Instant::ZERO).is_some());
    }

    /// THREATS: REGISTER flood. What does not matter cannot crowd out what does.
    #[test]
    fn each_room_has_its_own_ceiling() {
        let mut txs = Transactions::new();
        let mut take = |text: &Arc<Message>| {
            txs.accept(text, flow(Transport::Udp), (), Instant::ZERO).map(|id| (id, txs.len()))
        };
        for n in 0..OTHERS_MAX {
            let note = message("MESSAGE sip:111@x SIP/2.0", &format!("z9hG4bKm{n}"), "", "1 MESSAGE");
            assert!(take(&note).is_some());
        }
        let note = message("MESSAGE sip:111@x SIP/2.0", "z9hG4bKmore", "", "1 MESSAGE");
        assert!(take(&note).is_none());
        assert!(take(&invite("z9hG4bKi")).is_some());
        let (bye, _) = take(&message("BYE sip:111@x SIP/2.0", "z9hG4bKb", ";tag=t", "2 BYE")).unwrap();
        txs.forget(bye);
        assert!(txs.accept(&note, flow(Transport::Udp), (), Instant::ZERO).is_none());
    }
}
