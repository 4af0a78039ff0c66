//! libFuzzer at `senim_fuzz::targets::payload`; what it promises is written there.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| assert_eq!(senim_fuzz::targets::payload(bytes), Ok(())));
