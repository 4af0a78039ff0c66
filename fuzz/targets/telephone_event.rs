//! libFuzzer at `senim_fuzz::targets::telephone_event`; what it promises is written there.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| assert_eq!(senim_fuzz::targets::telephone_event(bytes), Ok(())));
