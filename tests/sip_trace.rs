//! `senim sip trace` beside a running line: the ladder of a real call, and nobody's name in it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests are tests

mod broken_house;

use broken_house::{House, Raw, Street, eventually};
use std::fs;

const NUMBER: &str = "+77012345678";

/// A caller is served, and hangs up.
fn serve_a_caller(house: &House) {
    let street = Street::new(house);
    let aigul = street.consultant("aigul", 1_100.0);
    house.ok("duty aigul in");
    let caller = street.caller(NUMBER, 440.0);
    street.talk(caller, aigul);
    street.hang_up(caller);
    eventually("the end of the call", || house.json("calls --json")[0]["cause"].is_string().then_some(()));
}

/// Whatever names a person or where he is.
fn names(house: &House) -> Vec<String> {
    let mut names = vec![NUMBER[1..].to_owned()];
    names.extend(["aigul", "Айгүл", "sesame", "oleg"].map(str::to_owned));
    names.extend([house.callers_ip(), house.desks_ip(), house.strangers_ip()].map(|ip| ip.to_string()));
    names
}

/// FEATURES N3.
#[test]
fn the_ladder_of_a_real_call_is_drawn_in_every_form_and_names_nobody() {
    let house = House::new();
    let line = house.start();
    serve_a_caller(&house);
    let mut stranger = Raw::new(house.strangers_ip(), house.sip());
    stranger.ask("INVITE", &format!("sip:111@{}", house.line_ip()), NUMBER, "Subject: Айгүл\r\n", "");

    let list = house.ok("sip trace");
    assert!(list.contains("call-1 ") && list.contains("caller,consultant"), "{list}");
    assert!(list.contains("softphone") && list.contains("stranger"), "{list}");
    let text = house.ok("sip trace call-1 --headers");
    assert_eq!(house.ok("sip trace --last --headers"), text);
    let heads = text.lines().nth(2).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(heads, "caller (carrier) senim consultant");
    for word in [
        "─ INVITE ─",
        "● answered",
        "─ ACK ─",
        "180 Ringing",
        "● they talk",
        "─ BYE ─",
        "200 OK (BYE)",
        "PCMA",
    ] {
        assert!(text.contains(word), "{word} in {text}");
    }
    let svg = house.path("ladder.svg");
    house.ok(&format!("sip trace call-1 --svg {}", svg.display()));
    let svg = fs::read_to_string(svg).unwrap();
    assert!(svg.contains("180 Ringing") && svg.contains("</svg>"));
    let json = house.json("sip trace call-1 --json");
    let steps = json["trace"]["steps"].as_array().unwrap();
    assert_eq!(steps[0]["what"]["request"], "INVITE");
    assert!(steps.iter().all(|s| s["text"].is_null()) && !json["facts"].as_array().unwrap().is_empty());
    let rows = house.json("sip trace --json");
    assert_eq!(rows[0]["which"], "call-1");
    let refused = house.senim("sip trace call-99");
    assert!(!refused.ok && refused.err.contains("call-99"), "{refused:?}");
    let other = rows.as_array().unwrap().iter().find(|r| r["with"][0] == "stranger").unwrap();
    let other = house.ok(&format!("sip trace {}", other["which"].as_str().unwrap()));
    for name in names(&house) {
        for form in [&list, &text, &svg, &json.to_string(), &rows.to_string(), &other] {
            assert!(!form.contains(&name), "{name} in {form}");
        }
    }
    drop(line);
}

/// Whole texts are shown only by a line that was told to keep them, to somebody who says who he is, and that is a fact.
#[test]
fn whole_messages_are_for_those_who_ask_by_name_and_no_password_is_in_them() {
    let house = House::new();
    let line = house.start();
    serve_a_caller(&house);
    let refused = house.senim("sip trace --last --full");
    assert!(!refused.ok && refused.err.contains("full"), "{refused:?}");
    drop(line);
    house.rewrite("[sip]\n", "[sip]\ntrace = \"full\"\n");
    let line = house.start();
    serve_a_caller(&house);
    let call = house.json("sip trace --json")[0]["which"].as_str().unwrap().to_owned();
    assert!(!house.ok(&format!("sip trace {call}")).contains(&NUMBER[1..]));
    let text = house.ok(&format!("sip trace {call} --full --by inspector"));
    assert!(text.contains(&NUMBER[1..]) && text.contains("m=audio"), "{text}");
    let record = house.ok(&format!("calls {call}"));
    assert!(record.contains("SIP messages read in full by inspector"), "{record}");
    let rows = house.json("sip trace --json");
    let phone = rows.as_array().unwrap().iter().find(|r| r["with"][0] == "softphone").unwrap();
    let text = house.ok(&format!("sip trace {} --full --by inspector", phone["which"].as_str().unwrap()));
    assert!(text.contains("Authorization:***") && !text.contains("response="), "{text}");
    drop(line);
    // Nothing of it is on the disk.
    let kept =
        std::process::Command::new("grep").args(["-rl", "m=audio"]).arg(house.path("data")).output().unwrap();
    assert_eq!(String::from_utf8(kept.stdout).unwrap(), "");
}

#[test]
fn without_a_line_and_with_a_trace_that_is_off_it_says_so() {
    let house = House::new();
    let alone = house.senim("sip trace --last");
    assert!(!alone.ok && alone.err.contains("no line runs here"), "{alone:?}");
    house.rewrite("[sip]\n", "[sip]\ntrace = \"off\"\n");
    let line = house.start();
    let off = house.senim("sip trace");
    assert!(!off.ok && off.err.contains("[sip] trace is \"off\""), "{off:?}");
    drop(line);
}
