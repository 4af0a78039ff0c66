//! SIP as one machine: messages, transactions, dialogs, registrations, digest, behind one [`Endpoint`].
//!
//! Bytes and moments go in, bytes and events come out. After every `handle`, poll until empty (mutate once, drain
//! fully); `deadline` says when to call with a timeout next.
//!
//! *Invariant:* no calls, queues, audio, SDP parsing (a session description is an opaque body), sockets or clock.
#![forbid(unsafe_code)]

mod dialog;
pub mod digest;
pub mod endpoint;
pub mod flow;
pub mod framer;
mod generations;
pub mod guard;
pub mod locate;
pub mod message;
pub mod overload;
pub mod pressure;
pub mod registrar;
mod transaction;

pub use digest::{Algorithm, Credentials, Secrets};
pub use endpoint::{
    Counts, ENROLMENTS_MAX, Ending, Endpoint, Enrolment, EnrolmentGrant, EnrolmentId, Event, Fault, Input,
    Invitation, Network, Origin, Outgoing, Output, Reason, Referral, Refusal, Rejection, Replaced, RequestId,
    SESSIONS_MAX, STREAMS_MAX, SessionId, SessionTimer, Settings, TrunkSource,
};
pub use flow::{Flow, IpNet, Transport};
pub use framer::{Frame, Framer, FramingFault};
pub use guard::{Authenticated, Guard, Tally, Verdict};
pub use locate::{Ask, Hop, Naptr, Place, Srv};
pub use message::MessageBuilder as Builder;
pub use message::{
    Attest, Caller, Claims, Contacts, DIVERSIONS_MAX, Diversions, IDENTITY_MAX, Malformed, Message,
    MessageBuilder, Method, NameAddr, ParseFault, Scheme, StartLine, Uri, Via,
};
pub use overload::{Budgets, Class, Known, Rate, Source};
pub use pressure::Pressure;
pub use registrar::{Binding, Cause, Change, Expiry, RegisterReply, Registrar};
pub use transaction::{CALLS_MAX, LIVE_MAX, OTHERS_MAX, TRANSACTIONS_MAX};
