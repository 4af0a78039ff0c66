//! Black-box tests with peers that others wrote: SIPp as the trunk and as the other centre, baresip and Linphone as
//! softphones. Each test starts its own line on loopback and asks what the peers really heard.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod house;
mod peers_browser;
mod peers_consultant;
mod peers_kamailio;
mod peers_linphone;
mod peers_other_centre;
mod peers_secure;
mod peers_sessions;
mod peers_talk;
mod peers_transfer;
mod peers_trunks;
