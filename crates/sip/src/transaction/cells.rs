//! Every cell of the four tables, written out from RFC 3261 figures 5 to 8 with RFC 6026 (Accepted, timers L and M)
//! and RFC 4320 (a server never says 100 to a request other than INVITE before it must, and 408 never). A row is an
//! event, a column a state; `-` stays and does nothing. `X+` starts timer X, `X-` stops it, `X~` starts it at its
//! longest pause.
#![allow(clippy::panic, clippy::unwrap_used)]

use super::table::{Action, Class, Event, News};
use super::timers::Timer;
use super::{client, client_invite, server, server_invite};
use core::fmt::Debug;

/// Figure 5 and RFC 6026 section 7.2. A broken wire after the final answer is nobody's news: it was told.
const CLIENT_INVITE: &str = "
             | Calling                    | Proceeding                 | Accepted      | Completed     | Terminated
request      | -                          | -                          | -             | -             | -
ack          | -                          | -                          | -             | -             | -
answer 1xx   | -                          | -                          | -             | -             | -
answer 2xx   | -                          | -                          | -             | -             | -
answer 3-6xx | -                          | -                          | -             | -             | -
hear 1xx     | Proceeding A- B- tell      | Proceeding tell            | -             | -             | -
hear 2xx     | Accepted A- B- M+ tell     | Accepted A- B- M+ tell     | Accepted tell | -             | -
hear 3-6xx   | Completed A- B- ack D+ tell | Completed A- B- ack D+ tell | -           | Completed ack | -
A            | Calling resend A+          | -                          | -             | -             | -
B            | Terminated timeout         | -                          | -             | -             | -
D            | -                          | -                          | -             | Terminated    | -
E            | -                          | -                          | -             | -             | -
F            | -                          | -                          | -             | -             | -
G            | -                          | -                          | -             | -             | -
H            | -                          | -                          | -             | -             | -
I            | -                          | -                          | -             | -             | -
J            | -                          | -                          | -             | -             | -
K            | -                          | -                          | -             | -             | -
L            | -                          | -                          | -             | -             | -
M            | -                          | -                          | Terminated    | -             | -
Trying       | -                          | -                          | -             | -             | -
wire failed  | Terminated failed          | Terminated failed          | -             | Terminated    | -
";

/// Figure 6.
const CLIENT: &str = "
             | Trying                  | Proceeding              | Completed  | Terminated
request      | -                       | -                       | -          | -
ack          | -                       | -                       | -          | -
answer 1xx   | -                       | -                       | -          | -
answer 2xx   | -                       | -                       | -          | -
answer 3-6xx | -                       | -                       | -          | -
hear 1xx     | Proceeding E~           | Proceeding E~           | -          | -
hear 2xx     | Completed E- F- K+ tell | Completed E- F- K+ tell | -          | -
hear 3-6xx   | Completed E- F- K+ tell | Completed E- F- K+ tell | -          | -
A            | -                       | -                       | -          | -
B            | -                       | -                       | -          | -
D            | -                       | -                       | -          | -
E            | Trying resend E+        | Proceeding resend E~    | -          | -
F            | Terminated timeout      | Terminated timeout      | -          | -
G            | -                       | -                       | -          | -
H            | -                       | -                       | -          | -
I            | -                       | -                       | -          | -
J            | -                       | -                       | -          | -
K            | -                       | -                       | Terminated | -
L            | -                       | -                       | -          | -
M            | -                       | -                       | -          | -
Trying       | -                       | -                       | -          | -
wire failed  | Terminated failed       | Terminated failed       | Terminated | -
";

/// Figure 7 and RFC 6026 section 7.1. The ACK of a 2xx is the dialog's, not the transaction's.
const SERVER_INVITE: &str = "
             | Proceeding                     | Accepted      | Completed             | Confirmed  | Terminated
request      | Proceeding resend              | -             | Completed resend      | -          | -
ack          | -                              | -             | Confirmed G- H- I+    | -          | -
answer 1xx   | Proceeding Trying- send        | -             | -                     | -          | -
answer 2xx   | Accepted Trying- send L+       | Accepted send | -                     | -          | -
answer 3-6xx | Completed Trying- send G+ H+   | -             | -                     | -          | -
hear 1xx     | -                              | -             | -                     | -          | -
hear 2xx     | -                              | -             | -                     | -          | -
hear 3-6xx   | -                              | -             | -                     | -          | -
A            | -                              | -             | -                     | -          | -
B            | -                              | -             | -                     | -          | -
D            | -                              | -             | -                     | -          | -
E            | -                              | -             | -                     | -          | -
F            | -                              | -             | -                     | -          | -
G            | -                              | -             | Completed resend G+   | -          | -
H            | -                              | -             | Terminated            | -          | -
I            | -                              | -             | -                     | Terminated | -
J            | -                              | -             | -                     | -          | -
K            | -                              | -             | -                     | -          | -
L            | -                              | Terminated    | -                     | -          | -
M            | -                              | -             | -                     | -          | -
Trying       | Proceeding trying              | -             | -                     | -          | -
wire failed  | Terminated failed              | -             | Terminated            | Terminated | -
";

/// Figure 8 and RFC 4320.
const SERVER: &str = "
             | Trying            | Completed        | Terminated
request      | -                 | Completed resend | -
ack          | -                 | -                | -
answer 1xx   | -                 | -                | -
answer 2xx   | Completed send J+ | -                | -
answer 3-6xx | Completed send J+ | -                | -
hear 1xx     | -                 | -                | -
hear 2xx     | -                 | -                | -
hear 3-6xx   | -                 | -                | -
A            | -                 | -                | -
B            | -                 | -                | -
D            | -                 | -                | -
E            | -                 | -                | -
F            | -                 | -                | -
G            | -                 | -                | -
H            | -                 | -                | -
I            | -                 | -                | -
J            | -                 | Terminated       | -
K            | -                 | -                | -
L            | -                 | -                | -
M            | -                 | -                | -
Trying       | -                 | -                | -
wire failed  | Terminated        | Terminated       | -
";

/// Every event there is, under its name in the tables.
fn events() -> Vec<(String, Event)> {
    let classes = [("1xx", Class::Provisional), ("2xx", Class::Success), ("3-6xx", Class::Failure)];
    let mut all = vec![("request".to_owned(), Event::Request), ("ack".to_owned(), Event::Ack)];
    all.extend(classes.map(|(name, class)| (format!("answer {name}"), Event::Answer(class))));
    all.extend(classes.map(|(name, class)| (format!("hear {name}"), Event::Response(class))));
    all.extend(Timer::ALL.map(|timer| (format!("{timer:?}"), Event::Fired(timer))));
    all.push(("wire failed".to_owned(), Event::TransportFailed));
    all
}

fn word(action: Action) -> String {
    match action {
        Action::Send => "send".into(),
        Action::Resend => "resend".into(),
        Action::Trying => "trying".into(),
        Action::Acknowledge => "ack".into(),
        Action::Arm(timer) => format!("{timer:?}+"),
        Action::ArmSlow(timer) => format!("{timer:?}~"),
        Action::Disarm(timer) => format!("{timer:?}-"),
        Action::Tell(News::Response) => "tell".into(),
        Action::Tell(News::Timeout) => "timeout".into(),
        Action::Tell(News::TransportFailed) => "failed".into(),
    }
}

/// Compares a table with the code, cell by cell, and gives the number of cells. A row or column too few, too many or
/// in another order is a fault, too.
fn compare<S: Copy + PartialEq + Debug>(
    table: &str,
    states: &[S],
    step: impl Fn(S, Event) -> (S, &'static [Action]),
) -> usize {
    let mut rows = table.trim_start_matches('\n').lines();
    let cells = |line: &str| line.split('|').skip(1).map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let names: Vec<String> = states.iter().map(|state| format!("{state:?}")).collect();
    assert_eq!(cells(rows.next().unwrap()), names);
    let mut count = 0;
    for (name, event) in events() {
        let row = rows.next().unwrap_or_else(|| panic!("no row for {name}"));
        assert_eq!(row.split('|').next().unwrap().trim(), name);
        let row = cells(row);
        assert_eq!(row.len(), states.len(), "{name}");
        for (state, expected) in states.iter().zip(row) {
            let (next, actions) = step(*state, event);
            let words: Vec<_> = actions.iter().map(|action| word(*action)).collect();
            let is = if next == *state && words.is_empty() {
                "-".to_owned()
            } else {
                [vec![format!("{next:?}")], words].concat().join(" ")
            };
            assert_eq!(is, expected, "{state:?}, {name}");
            count += 1;
        }
    }
    assert_eq!(rows.next(), None);
    count
}

#[test]
fn every_cell_of_the_four_tables_is_as_the_standards_draw_it() {
    let mut cells = 0;
    {
        use client_invite::State::{Accepted, Calling, Completed, Proceeding, Terminated};
        let states = [Calling, Proceeding, Accepted, Completed, Terminated];
        cells += compare(CLIENT_INVITE, &states, client_invite::step);
    }
    {
        use client::State::{Completed, Proceeding, Terminated, Trying};
        cells += compare(CLIENT, &[Trying, Proceeding, Completed, Terminated], client::step);
    }
    {
        use server_invite::State::{Accepted, Completed, Confirmed, Proceeding, Terminated};
        let states = [Proceeding, Accepted, Completed, Confirmed, Terminated];
        cells += compare(SERVER_INVITE, &states, server_invite::step);
    }
    {
        use server::State::{Completed, Terminated, Trying};
        cells += compare(SERVER, &[Trying, Completed, Terminated], server::step);
    }
    assert_eq!(cells, 22 * (5 + 4 + 5 + 3));
}
