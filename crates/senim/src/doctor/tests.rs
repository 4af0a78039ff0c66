//! Words and order of findings.

use super::*;

#[test]
fn numbers_of_things_are_said_as_people_say_them() {
    assert_eq!(
        (count(1, "call"), count(2, "call"), count(0, "call")),
        ("1 call".into(), "2 calls".into(), "0 calls".into())
    );
    assert!(Verdict::Ok < Verdict::Warn && Verdict::Warn < Verdict::Fail);
}
