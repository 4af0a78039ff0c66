//! Black-box tests with peers that others wrote: SIPp as the trunk, the other centre and whoever does what is seldom
//! done; baresip, Linphone and JsSIP in Chromium as softphones; Kamailio as a proxy and as a carrier's registrar. Each
//! test starts its own line on loopback and asks what the peers really heard.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod house;
mod peers_browser;
mod peers_codecs;
mod peers_consultant;
mod peers_kamailio;
mod peers_linphone;
mod peers_other_centre;
mod peers_secure;
mod peers_sessions;
mod peers_talk;
mod peers_transfer;
mod peers_trunks;
