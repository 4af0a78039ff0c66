//! What waits for the switch's thread: a queue a rank, each with its ceiling, so that nobody's flood delays a talk.
//! Sound, disk and commands go first, then SIP of those who are known, then connections, then whatever looks like part
//! of a dialog, strangers last. What finds no room is dropped and counted; SIP's own timers send it again.

use core::time::Duration;
use senim_base::Instant;
use senim_net::sip::Arrival as SipArrival;
use senim_sip::{Class, Flow, IpNet, Known, Transport, overload};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::clock;
use super::engine::Arrival;

/// What a rank may hold, and how much of it is taken before the ranks above are looked at again.
struct Room {
    most: usize,
    at_once: usize,
}

/// By [`Rank`]. The house's own (sound, recordings, commands) is bounded by the calls and the askers; its ceiling is a
/// last resort.
const ROOMS: [Room; RANKS] = [
    Room { most: 262_144, at_once: 256 },
    Room { most: 65_536, at_once: 128 },
    Room { most: 16_384, at_once: 64 },
    Room { most: 8_192, at_once: 32 },
    Room { most: 4_096, at_once: 32 },
];

/// Datagrams, or pieces of a connection, that one stranger's address and port may have waiting. Of a connection one
/// more cuts it, since a hole in a stream cannot be mended.
const PEER_MAX: u32 = 256;

/// Longest piece that pieces of a connection are joined to, bytes.
const PIECE_MAX: usize = 64 << 10;

/// Bytes of strangers' datagrams that may wait.
const STRANGE_BYTES_MAX: usize = 8 << 20;

/// How many ranks there are.
pub(super) const RANKS: usize = 5;

/// Who goes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Rank {
    House,
    Known,
    /// Connections: whatever the peer, their pieces stay in order. A trunk's are [`Rank::Known`].
    Streams,
    Within,
    Strangers,
}

impl Rank {
    const ALL: [Rank; RANKS] = [Rank::House, Rank::Known, Rank::Streams, Rank::Within, Rank::Strangers];
}

/// What found no room since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct TurnedAway {
    /// Of strangers: their own flood.
    pub(super) strangers: u64,
    /// Of those who are known, and of the house: the machine is too small.
    pub(super) known: u64,
}

/// The switch's thread is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gone;

/// The way in, for any thread.
#[derive(Clone)]
pub struct Entrance(Arc<Shared>);

/// The switch's end.
pub(super) struct Inbox(Arc<Shared>);

/// Something that came, and when.
struct Stamped {
    at: Instant,
    arrival: Arrival,
    /// What was counted of it as a stranger's, bytes: he may be known by the time it is taken, or known no longer.
    strange: Option<usize>,
}

/// What is to be done next.
#[derive(Default)]
pub(super) struct Batch {
    /// In the order of ranks, each with the moment when it came.
    pub(super) arrivals: Vec<(Rank, Instant, Arrival)>,
    /// Connections to be closed: they brought more than there was room for.
    pub(super) cut: Vec<Flow>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Default)]
struct State {
    queues: [VecDeque<Stamped>; RANKS],
    known: Known,
    /// What strangers have waiting, by flow.
    waiting: BTreeMap<Flow, u32>,
    strange_bytes: usize,
    /// Connections that lost a piece: nothing more of them is taken until they are closed.
    holed: BTreeSet<Flow>,
    cut: Vec<Flow>,
    turned_away: TurnedAway,
    /// The switch's thread sleeps.
    asleep: bool,
    gone: bool,
}

/// An inbox that knows the trunks by their addresses.
pub(super) fn inbox(trunks: Vec<IpNet>) -> (Entrance, Inbox) {
    let shared = Arc::new(Shared::default());
    shared.lock().known.trunks = trunks;
    (Entrance(shared.clone()), Inbox(shared))
}

impl Shared {
    /// Nothing that is done under this lock can leave it half done, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entrance {
    /// Puts in something that came just now; it may be dropped there, which is counted.
    ///
    /// # Errors
    /// Nobody will ever take it.
    pub fn send(&self, arrival: Arrival) -> Result<(), Gone> {
        self.send_at(arrival, clock::now())
    }

    fn send_at(&self, arrival: Arrival, at: Instant) -> Result<(), Gone> {
        let mut state = self.0.lock();
        if state.gone {
            return Err(Gone);
        }
        state.put(arrival, at);
        // Where it found no room, the sleeper sleeps on, and the next one has to wake him.
        if !state.is_empty() && core::mem::take(&mut state.asleep) {
            self.0.bell.notify_one();
        }
        Ok(())
    }
}

impl Inbox {
    /// What has come, or comes within this time.
    pub(super) fn wait(&self, most: Duration) -> Batch {
        let mut state = self.0.lock();
        if state.is_empty() {
            state.asleep = true;
            let (woken, _) = self
                .0
                .bell
                .wait_timeout_while(state, most, |state| state.is_empty())
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.asleep = false;
        }
        state.take()
    }

    /// Where phones are registered now.
    pub(super) fn know(&self, flows: BTreeSet<Flow>) {
        self.0.lock().known.flows = flows;
    }

    /// What found no room.
    pub(super) fn turned_away(&self) -> TurnedAway {
        self.0.lock().turned_away
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.0.lock().gone = true;
    }
}

impl State {
    fn is_empty(&self) -> bool {
        self.cut.is_empty() && self.queues.iter().all(VecDeque::is_empty)
    }

    fn rank(&self, arrival: &Arrival) -> Rank {
        match arrival {
            Arrival::Sip(SipArrival::Datagram { flow, bytes }) => {
                match overload::class(bytes, *flow, &self.known) {
                    Class::Known => Rank::Known,
                    Class::Within => Rank::Within,
                    Class::Stranger => Rank::Strangers,
                }
            }
            Arrival::Sip(SipArrival::Stream { flow, .. } | SipArrival::Closed(flow)) => {
                if self.known.is_trunk(*flow) { Rank::Known } else { Rank::Streams }
            }
            Arrival::Sip(SipArrival::Failed(_)) => Rank::Known,
            _ => Rank::House,
        }
    }

    fn put(&mut self, arrival: Arrival, at: Instant) {
        if let Arrival::Sip(SipArrival::Closed(flow)) = &arrival {
            self.holed.remove(flow);
        } else if let Some((flow, _)) = piece(&arrival)
            && self.holed.contains(&flow)
        {
            return;
        }
        let rank = self.rank(&arrival);
        let strange =
            piece(&arrival).filter(|(flow, _)| rank > Rank::Known && !self.known.flows.contains(flow));
        let (Some(queue), Some(room)) = (self.queues.get_mut(rank as usize), ROOMS.get(rank as usize)) else {
            return;
        };
        let alone = continued(queue, &arrival).is_none();
        let too_much = strange.is_some_and(|(flow, len)| {
            (alone && self.waiting.get(&flow).is_some_and(|n| *n >= PEER_MAX))
                || self.strange_bytes.saturating_add(len) > STRANGE_BYTES_MAX
        });
        // The end of a connection, and of the house, takes no room that counts.
        let must = matches!(&arrival, Arrival::Sip(SipArrival::Closed(_)) | Arrival::Quit | Arrival::EndAll);
        if !must && ((alone && queue.len() >= room.most) || too_much) {
            self.turn_away(&arrival, strange.is_some());
            return;
        }
        let counted = strange.map(|(_, len)| len);
        let newly = match continued(queue, &arrival) {
            Some((there, before)) => {
                let newly = before.is_none() && counted.is_some();
                if let Arrival::Sip(SipArrival::Stream { bytes, .. }) = &arrival {
                    there.extend_from_slice(bytes);
                }
                *before = counted.map(|len| len + before.unwrap_or(0)).or(*before);
                newly
            }
            None => {
                queue.push_back(Stamped { at, arrival, strange: counted });
                counted.is_some()
            }
        };
        self.strange_bytes += counted.unwrap_or(0);
        if let Some((flow, _)) = strange.filter(|_| newly) {
            *self.waiting.entry(flow).or_default() += 1;
        }
    }

    fn turn_away(&mut self, arrival: &Arrival, strange: bool) {
        if strange {
            self.turned_away.strangers += 1;
        } else {
            self.turned_away.known += 1;
        }
        if let Arrival::Sip(SipArrival::Stream { flow, .. }) = arrival
            && self.holed.insert(*flow)
        {
            self.cut.push(*flow);
        }
    }

    fn take(&mut self) -> Batch {
        let mut arrivals = Vec::new();
        for ((queue, room), rank) in self.queues.iter_mut().zip(&ROOMS).zip(Rank::ALL) {
            for Stamped { at, arrival, strange } in queue.drain(..queue.len().min(room.at_once)) {
                if let (Some(len), Some((flow, _))) = (strange, piece(&arrival)) {
                    self.strange_bytes = self.strange_bytes.saturating_sub(len);
                    let left = self.waiting.get(&flow).map_or(0, |n| n.saturating_sub(1));
                    match left {
                        0 => drop(self.waiting.remove(&flow)),
                        _ => drop(self.waiting.insert(flow, left)),
                    }
                }
                arrivals.push((rank, at, arrival));
            }
        }
        Batch { arrivals, cut: core::mem::take(&mut self.cut) }
    }
}

/// What came last, and what is counted of it, if this is the next piece of the same connection: somebody who sends byte by
/// byte has one piece waiting, however long the switch looks elsewhere. Messages of WebSockets stay apart.
fn continued<'a>(
    queue: &'a mut VecDeque<Stamped>,
    arrival: &Arrival,
) -> Option<(&'a mut Vec<u8>, &'a mut Option<usize>)> {
    let Arrival::Sip(SipArrival::Stream { flow, bytes }) = arrival else { return None };
    let Stamped { arrival: last, strange, .. } = queue.back_mut()?;
    let Arrival::Sip(SipArrival::Stream { flow: before, bytes: there }) = last else { return None };
    let joins = before == flow
        && matches!(flow.transport, Transport::Tcp | Transport::Tls)
        && there.len() + bytes.len() <= PIECE_MAX;
    joins.then_some((there, strange))
}

/// The flow and the length of what came from outside.
fn piece(arrival: &Arrival) -> Option<(Flow, usize)> {
    match arrival {
        Arrival::Sip(SipArrival::Datagram { flow, bytes } | SipArrival::Stream { flow, bytes }) => {
            Some((*flow, bytes.len()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(transport: Transport, remote: &str) -> Flow {
        let connection = u64::from(transport != Transport::Udp);
        Flow {
            transport,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: remote.parse().unwrap(),
            connection,
        }
    }

    fn datagram(remote: &str, text: &str) -> Arrival {
        let bytes = format!("{text}\r\nCall-ID: c\r\nTo: <sip:a>;tag=1\r\n\r\n").into_bytes();
        Arrival::Sip(SipArrival::Datagram { flow: flow(Transport::Udp, remote), bytes })
    }

    fn stream(remote: &str) -> Arrival {
        Arrival::Sip(SipArrival::Stream { flow: flow(Transport::Tcp, remote), bytes: vec![b'x'] })
    }

    fn who(arrival: &Arrival) -> String {
        match arrival {
            Arrival::Sip(SipArrival::Datagram { flow, .. } | SipArrival::Stream { flow, .. }) => {
                flow.remote.to_string()
            }
            other => format!("{other:?}"),
        }
    }

    fn taken(inbox: &Inbox) -> Vec<Arrival> {
        inbox.wait(Duration::ZERO).arrivals.into_iter().map(|(_, _, arrival)| arrival).collect()
    }

    fn a_line() -> (Entrance, Inbox) {
        inbox(vec!["198.51.100.0/24".parse().unwrap()])
    }

    const STRANGE: &str = "INVITE sip:111@x SIP/2.0\r\nX: no tag before the end of the\r\n\r\n";

    #[test]
    fn whoever_matters_goes_first_however_late_he_comes() {
        let (entrance, inbox) = a_line();
        inbox.know(BTreeSet::from([flow(Transport::Udp, "203.0.113.5:5060")]));
        for arrival in [
            datagram("203.0.113.1:1", STRANGE),
            datagram("203.0.113.2:1", "BYE sip:a SIP/2.0"),
            stream("203.0.113.3:1"),
            datagram("203.0.113.5:5060", STRANGE),
            datagram("198.51.100.7:9", STRANGE),
            Arrival::EndAll,
        ] {
            entrance.send(arrival).unwrap();
        }
        let order: Vec<String> = taken(&inbox).iter().map(who).collect();
        let expected = [
            "EndAll",
            "203.0.113.5:5060",
            "198.51.100.7:9",
            "203.0.113.3:1",
            "203.0.113.2:1",
            "203.0.113.1:1",
        ];
        assert_eq!(order, expected);
    }

    /// THREATS: floods.
    #[test]
    fn a_strangers_flood_is_dropped_at_his_own_share_and_nobody_elses() {
        let (entrance, inbox) = a_line();
        for _ in 0..10_000 {
            entrance.send(datagram("203.0.113.1:1", STRANGE)).unwrap();
        }
        entrance.send(datagram("203.0.113.2:1", STRANGE)).unwrap();
        for n in 0..2_000 {
            entrance.send(datagram("198.51.100.7:9", &format!("INVITE sip:{n} SIP/2.0"))).unwrap();
        }
        let share = u64::from(PEER_MAX);
        assert_eq!(inbox.turned_away(), TurnedAway { strangers: 10_000 - share, known: 0 });
        let mut seen = BTreeMap::<String, u64>::new();
        loop {
            let some = taken(&inbox);
            if some.is_empty() {
                break;
            }
            some.iter().for_each(|a| *seen.entry(who(a)).or_default() += 1);
        }
        let expected = [("198.51.100.7:9", 2_000), ("203.0.113.1:1", share), ("203.0.113.2:1", 1)];
        assert_eq!(seen, expected.map(|(w, n)| (w.to_owned(), n)).into());
        assert!(inbox.0.lock().waiting.is_empty() && inbox.0.lock().strange_bytes == 0);
    }

    #[test]
    fn many_strangers_fill_their_own_queue_to_its_ceiling() {
        let (entrance, inbox) = a_line();
        let most = ROOMS[Rank::Strangers as usize].most;
        for n in 0..=most {
            let [.., a, b] = n.to_be_bytes();
            entrance.send(datagram(&format!("10.0.{a}.{b}:5060"), STRANGE)).unwrap();
        }
        assert_eq!(inbox.turned_away(), TurnedAway { strangers: 1, known: 0 });
        let (huge, n) = ("x".repeat(60_000), 9 << 20);
        for port in 0..n / 60_000 {
            entrance
                .send(datagram(&format!("10.1.0.1:{port}"), &format!("BYE sip:a SIP/2.0\r\n{huge}")))
                .unwrap();
        }
        assert!(inbox.turned_away().strangers > 1, "bytes are bounded, too");
    }

    #[test]
    fn a_connection_that_lost_a_piece_is_cut_once_and_brings_nothing_more() {
        let (entrance, inbox) = a_line();
        for n in 0..PEER_MAX + 10 {
            entrance.send(stream("203.0.113.3:1")).unwrap();
            // Between two pieces comes one of somebody else, so that they are not joined.
            entrance.send(stream(&format!("203.0.113.4:{n}"))).unwrap();
        }
        let batch = inbox.wait(Duration::ZERO);
        assert_eq!(batch.cut, [flow(Transport::Tcp, "203.0.113.3:1")]);
        while !inbox.wait(Duration::ZERO).arrivals.is_empty() {}
        entrance.send(stream("203.0.113.3:1")).unwrap();
        assert!(inbox.wait(Duration::ZERO).arrivals.is_empty());
        entrance.send(Arrival::Sip(SipArrival::Closed(flow(Transport::Tcp, "203.0.113.3:1")))).unwrap();
        assert_eq!(inbox.wait(Duration::ZERO).arrivals.len(), 1);
        assert!(inbox.0.lock().holed.is_empty());
    }

    #[test]
    fn a_connection_that_comes_byte_by_byte_has_one_piece_waiting() {
        let (entrance, inbox) = a_line();
        for _ in 0..=PIECE_MAX {
            entrance.send(stream("203.0.113.3:1")).unwrap();
        }
        let batch = inbox.wait(Duration::ZERO);
        let lengths: Vec<_> = batch.arrivals.iter().filter_map(|a| piece(&a.2)).map(|p| p.1).collect();
        assert_eq!((lengths, batch.cut), (vec![PIECE_MAX, 1], vec![]));
        assert!(inbox.0.lock().waiting.is_empty() && inbox.0.lock().strange_bytes == 0);
        let message = || {
            let bytes = vec![b'x'];
            Arrival::Sip(SipArrival::Stream { flow: flow(Transport::Ws, "203.0.113.3:1"), bytes })
        };
        entrance.send(message()).unwrap();
        entrance.send(message()).unwrap();
        assert_eq!(inbox.wait(Duration::ZERO).arrivals.len(), 2, "a message of a WebSocket is whole");
    }

    #[test]
    fn what_waited_says_when_it_came() {
        let (entrance, inbox) = a_line();
        let came = [Instant::from_secs(5), Instant::from_secs(6)];
        entrance.send_at(datagram("198.51.100.7:9", STRANGE), came[0]).unwrap();
        entrance.send_at(Arrival::EndAll, came[1]).unwrap();
        let taken: Vec<_> =
            inbox.wait(Duration::ZERO).arrivals.iter().map(|(rank, at, _)| (*rank, *at)).collect();
        assert_eq!(taken, [(Rank::House, came[1]), (Rank::Known, came[0])]);
    }

    #[test]
    fn a_sleeper_stays_to_be_woken_by_what_brings_him_something() {
        let (entrance, inbox) = a_line();
        let holed = flow(Transport::Tcp, "203.0.113.3:1");
        entrance.0.lock().holed.insert(holed);
        entrance.0.lock().asleep = true;
        entrance.send(stream("203.0.113.3:1")).unwrap();
        assert!(inbox.0.lock().asleep, "nothing came: he sleeps on, and the next one has to ring");
        entrance.send(Arrival::EndAll).unwrap();
        assert!(!inbox.0.lock().asleep);
    }

    #[test]
    fn what_strangers_have_waiting_is_counted_right_when_they_register_and_leave_meanwhile() {
        for transport in [Transport::Tcp, Transport::Ws] {
            let (entrance, inbox) = a_line();
            let phone = flow(transport, "203.0.113.3:1");
            let piece = |len| Arrival::Sip(SipArrival::Stream { flow: phone, bytes: vec![b'x'; len] });
            for registered in [true, false] {
                for (len, known) in [(1_000, registered), (3_000, !registered), (2_000, registered)] {
                    inbox.know(if known { BTreeSet::from([phone]) } else { BTreeSet::new() });
                    entrance.send(piece(len)).unwrap();
                }
                let strange = 3_000;
                assert_eq!(inbox.0.lock().strange_bytes, strange, "{transport:?}");
                entrance.send(datagram("203.0.113.9:1", STRANGE)).unwrap();
                let waits = STRANGE.len() + "\r\nCall-ID: c\r\nTo: <sip:a>;tag=1\r\n\r\n".len();
                assert_eq!(inbox.0.lock().strange_bytes, strange + waits);
                assert!(!taken(&inbox).is_empty());
                assert!(inbox.0.lock().waiting.is_empty());
                assert_eq!(inbox.0.lock().strange_bytes, 0, "{transport:?}");
            }
        }
    }

    #[test]
    fn a_sleeper_is_woken_and_one_who_left_takes_nothing() {
        let (entrance, inbox) = a_line();
        let other = entrance.clone();
        let thread = std::thread::spawn(move || other.send(Arrival::Quit));
        assert_eq!(inbox.wait(Duration::from_secs(60)).arrivals.len(), 1);
        assert_eq!(thread.join().unwrap(), Ok(()));
        drop(inbox);
        assert_eq!(entrance.send(Arrival::Quit), Err(Gone));
    }
}
