//! The command line without a running line: every verb, every refusal, as an operator types it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests are tests

use senim::cli::{World, run};
use senim::config::{self, Plan};
use senim::desk::Archive;
use senim_appeals::AppealNumber;
use senim_base::{
    CallId, ConsultantId, Entropy, Instant, Language, Number, NumberPlan, RecordingId, Redacted, TrackId,
    WallTime,
};
use senim_seal::{About, End, Writer};
use senim_store::vault::{self, Folder};
use senim_switch::facts::{Author, CallerIdentity, Disposition, EndCause, Fact, Party};
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const RECORDING: RecordingId = RecordingId(0xfeed);

struct Line {
    dir: tempfile::TempDir,
}

#[derive(Debug)]
struct Done {
    ok: bool,
    out: String,
    err: String,
}

impl Line {
    fn new() -> Line {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("ivr-scripts")).unwrap();
        fs::create_dir(dir.path().join("config")).unwrap();
        fs::write(dir.path().join("config/senim.toml"), "[sip]\nrealm = \"test\"\n").unwrap();
        Line { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn type_in(&self, words: &str, input: &str) -> Done {
        let config = self.path("config/senim.toml").display().to_string();
        // A tilde stands for a space within one word.
        let words = words.split_whitespace().map(|w| w.replace('~', " "));
        let args = ["senim".to_owned()].into_iter().chain(words).chain(["--config".to_owned(), config]);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let env = |name: &str| (name == "USER").then(|| "tester".to_owned());
        let mut world =
            World { input: &mut Cursor::new(input.as_bytes()), out: &mut out, err: &mut err, env: &env };
        let code = run(args, &mut world);
        let text =
            |bytes| String::from_utf8(bytes).unwrap().replace(&format!("{}/", self.dir.path().display()), "");
        Done { ok: format!("{code:?}") == format!("{:?}", ExitCode::SUCCESS), out: text(out), err: text(err) }
    }

    fn ok(&self, words: &str) -> String {
        let done = self.type_in(words, "secret\n");
        assert!(done.ok, "{words}: {done:?}");
        done.out
    }

    fn refused(&self, words: &str) -> String {
        let done = self.type_in(words, "secret\n");
        assert!(!done.ok, "{words}: {done:?}");
        done.err
    }

    fn plan(&self) -> Plan {
        config::load(&self.path("config/senim.toml"), &[], &|_| None).unwrap()
    }

    /// A call with an appeal, and its sealed recording.
    fn talk(&self) -> AppealNumber {
        let plan = self.plan();
        let mut archive = Archive::open(&plan.data, 300).unwrap();
        let number = AppealNumber::new(2026, 1).unwrap();
        let (call, consultant, recording) = (Some(CallId(1)), ConsultantId(1), RECORDING);
        let caller = CallerIdentity {
            number: Number::normalise("+77012345678", &NumberPlan::default()).map(Redacted::new),
            ..CallerIdentity::default()
        };
        let step = |s: &str| Fact::Step { step: s.into() };
        let key = Fact::Key { step: "language".into(), key: Redacted::new('1') };
        let facts = vec![
            Fact::Arrived { dialled: "111".into(), trunk: Some("carrier".into()), user: None, caller },
            Fact::Answered { after_ms: 3 },
            Fact::RecordingBegan { recording },
            Fact::TrackBegan { recording, track: TrackId(0), party: Party::Caller },
            step("greeting"),
            key,
            Fact::LanguageSet { language: Language::Kazakh },
            Fact::Queued {
                queue: "main".into(),
                topic: None,
                priority: 5,
                language: Language::Kazakh,
                urgent: false,
            },
            Fact::Talking { consultant, waited_ms: 61_000 },
            Fact::AppealRegistered { number, by: Author::Consultant(consultant) },
            Fact::TalkEnded { consultant, talked_ms: 125_000 },
            Fact::RecordingClosed { recording, length_ms: 1_000, bytes: 9_000, lost_frames: 0, torn: false },
            Fact::Ended {
                cause: EndCause::CallerHungUp,
                disposition: Some(Disposition::Served),
                length_ms: 190_000,
            },
        ];
        let wall = WallTime::from_unix_millis(1_795_480_574_000);
        archive.write(facts.into_iter().map(|f| (call, f)).collect(), wall).unwrap();
        self.seal(&plan);
        number
    }

    fn seal(&self, plan: &Plan) {
        let mut folder = Folder::new(&plan.recordings);
        let key = vault::load_or_make(&plan.master_key, None, true).unwrap();
        let start = Instant::from_secs(1);
        let about = About { recording: RECORDING, started: WallTime::default(), start, about: b"" };
        let name = RECORDING.to_string();
        let mut w =
            Writer::open(&mut folder, &name, &about, &key, &mut Entropy::from_seed(1), start).unwrap();
        for n in 0..50 {
            let at = start + std::time::Duration::from_millis(20 * n);
            w.push(TrackId(0), 8, 160 * n as u32, &[0x55; 160], at);
        }
        w.close(&mut folder, End::Completed, start + std::time::Duration::from_secs(1)).unwrap();
    }
}

#[test]
fn consultants_are_added_listed_imported_and_removed() {
    let line = Line::new();
    assert_eq!(
        line.ok("consultant add aigul --languages kk,ru --skills legal --password-stdin"),
        "aigul is consultant-1\n"
    );
    assert_eq!(
        line.ok("consultant add oleg --languages ru --name Олег --password-stdin"),
        "oleg is consultant-2\n"
    );
    assert_eq!(line.ok("consultant add aigul --languages kk --password-stdin"), "aigul is consultant-1\n");
    fs::write(line.path("people.csv"), "login,name,languages,skills,password\ndana,Дана,kk ru,,x\n").unwrap();
    let file = line.path("people.csv").display().to_string();
    assert_eq!(line.ok(&format!("consultant import {file}")), "1 consultants imported\n");
    line.ok("duty dana in");
    expect_test::expect![[r#"
        login  languages  topics  does          softphone
        aigul  kk         all     signed out    no
        dana   kk,ru      all     no softphone  no
        oleg   ru         all     signed out    no
    "#]]
    .assert_eq(&line.ok("consultant list"));
    line.ok("consultant remove oleg");
    assert!(!line.ok("consultant list --json").contains("oleg"));
    assert!(!fs::read_to_string(line.path("data/journal/000001.log")).unwrap_or_default().contains("secret"));
}

#[test]
fn what_cannot_be_done_is_refused_with_what_to_do_instead() {
    let line = Line::new();
    let mut said = String::new();
    for words in [
        "consultant add a~b --languages kk --password-stdin",
        "consultant add a --languages en --password-stdin",
        "consultant add a --languages , --password-stdin",
        "consultant remove nobody",
        "duty nobody in",
        "forward nobody",
        "calls call-7",
        "appeal show 2026-000001-5",
        "appeal register --call call-1",
        "appeal register --consultant nobody",
    ] {
        said += &format!("> {words}\n{}", line.refused(words));
    }
    expect_test::expect![[r#"
        > consultant add a~b --languages kk --password-stdin
        senim: "a b" cannot be a login; write 1 to 64 letters, digits, '.', '-' or '_'
        > consultant add a --languages en --password-stdin
        senim: "en": unknown language: write "kk" or "ru"
        > consultant add a --languages , --password-stdin
        senim: a consultant needs a language; write --languages kk,ru
        > consultant remove nobody
        senim: no consultant has the login "nobody"; `senim consultant list` shows all of them
        > duty nobody in
        senim: no consultant has the login "nobody"; `senim consultant list` shows all of them
        > forward nobody
        senim: only a running line can do this; start `senim serve` first
        > calls call-7
        senim: there is no call-7; `senim calls` shows all of them
        > appeal show 2026-000001-5
        senim: no appeal has the number 2026-000001-5; check the digits against the paper
        > appeal register --call call-1
        senim: there is no call-1; `senim calls` shows all of them
        > appeal register --consultant nobody
        senim: no consultant has the login "nobody"; `senim consultant list` shows all of them
    "#]]
    .assert_eq(&said);
    assert!(
        line.type_in("consultant add a --languages kk --password-stdin", "\n")
            .err
            .contains("password is empty")
    );
    line.type_in("consultant add a --languages kk --password-stdin", "x\n");
    assert!(line.refused("duty a break tea").contains("not possible"));
    assert!(line.refused("appeal register --call call-1 --consultant a").contains("cannot be used with"));
}

#[test]
fn duty_and_breaks_are_on_record() {
    let line = Line::new();
    line.ok("consultant add a --languages kk --password-stdin");
    assert_eq!(line.ok("duty a in"), "a is signed in\n");
    assert_eq!(line.ok("duty a break tea"), "a is on a break: tea\n");
    assert!(line.ok("consultant list").contains("break: tea"));
    assert_eq!(line.ok("duty a ready"), "a is ready\n");
    assert_eq!(line.ok("duty a out"), "a is signed out\n");
}

/// FEATURES I6: every step and key with its time. FEATURES S3: and no number.
#[test]
fn a_call_is_shown_with_every_step_key_and_time_and_no_number() {
    let line = Line::new();
    line.talk();
    expect_test::expect![[r#"
        call    came in              dialled  language  topic  waited  talked  consultant    outcome  appeal
        call-1  2026-11-24 05:36:14  111      kk        -      1:01    2:05    consultant-1  served   2026-000001-5
    "#]].assert_eq(&line.ok("calls"));
    expect_test::expect![[r#"
        call-1  2026-11-24 05:36:14  served
        recordings: 0000000000000000000000000000feed  appeals: 2026-000001-5
        after s  what
        0.000    came in for 111 from +7 *** *** 56 78 over carrier
        0.000    answered
        0.000    recording 0000000000000000000000000000feed began
        0.000    track-0 records the caller
        0.000    step greeting
        0.000    key 1 in language
        0.000    language kk
        0.000    waits in main
        0.000    talks with consultant-1 after waiting 1:01
        0.000    appeal 2026-000001-5 registered by consultant-1
        0.000    talk with consultant-1 ended after 2:05
        0.000    recording closed at 0:01, 0 frames lost
        0.000    ended: caller hung up, served, 3:10
    "#]]
    .assert_eq(&line.ok("calls call-1"));
    for words in ["calls --json", "calls call-1 --json"] {
        let text = line.ok(words);
        assert!(!text.contains("12345678") && text.contains("56 78"), "{text}");
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }
}

#[test]
fn appeals_are_registered_linked_and_moved() {
    let line = Line::new();
    line.talk();
    let number = line.ok("appeal register --call call-1");
    let number = number.trim();
    assert_eq!(number.parse::<AppealNumber>().unwrap().serial(), 2);
    assert_eq!(line.ok(&format!("appeal status {number}")), "registered\n");
    line.ok(&format!("appeal status {number} in_work"));
    assert!(line.refused(&format!("appeal status {number} registered")).contains("cannot become"));
    line.ok(&format!("appeal link {number} --call call-1"));
    let shown = line.ok(&format!("appeal show {number}"));
    assert!(shown.contains("calls: call-1") && shown.contains("tester"), "{shown}");
    assert!(line.refused("appeal status 2026-000001-99").contains("invalid value"));
}

/// FEATURES R9, R12 (begun): found by the appeal's number, and that somebody looked is on record.
#[test]
fn recordings_are_found_by_the_number_of_the_appeal_and_the_search_is_on_record() {
    let line = Line::new();
    let number = line.talk();
    let found = line.ok(&format!("recordings find --appeal {number} --json"));
    let rows: serde_json::Value = serde_json::from_str(&found).unwrap();
    assert_eq!(rows[0]["recording"], RECORDING.to_string());
    assert_eq!(rows[0]["call"], "call-1");
    assert_eq!(rows[0]["state"], "closed");
    assert!(line.ok(&format!("recordings find --appeal {}", number.keyed())).contains("call-1"));
    assert!(
        line.refused(&format!("recordings find --appeal {}", AppealNumber::new(2026, 9).unwrap()))
            .contains("no appeal has the number")
    );
    let journal = fs::read(line.path("data/journal/000001.log")).unwrap();
    let text = String::from_utf8_lossy(&journal);
    assert_eq!(text.matches("recordings_searched").count(), 3);
    assert!(text.contains("tester"));
}

/// FEATURES R10 (begun), R12 (begun).
#[test]
fn a_recording_is_handed_out_under_a_written_demand_only() {
    let line = Line::new();
    let number = line.talk();
    let out = line.path("out").display().to_string();
    let bare = format!("recordings export --appeal {number} --out {out}");
    let said = line.refused(&bare);
    assert!(
        said.contains("refused: a written demand is needed") && said.contains("--demand-number"),
        "{said}"
    );
    assert!(line.refused(&format!("{bare} --demand-number 17/3")).contains("its date is missing"));
    assert!(
        line.refused(&format!("{bare} --demand-number 17/3 --demand-date 24.11.2026")).contains("is no date")
    );
    let whole = format!("{bare} --demand-number 17/3 --demand-date 2026-11-20 --demand-authority court");
    assert!(line.refused(&format!("{whole} --recording 1")).contains("no call of this appeal"));
    let future = whole.replace("2026-11-20", "2999-01-01");
    assert!(line.refused(&future).contains("future"));
    assert!(!Path::new(&out).exists());
    let text =
        || String::from_utf8_lossy(&fs::read(line.path("data/journal/000001.log")).unwrap()).into_owned();
    assert_eq!(text().matches("export_refused").count(), 5);
    let past = whole.replace("2026-11-20", "2020-11-20");
    let done = line.ok(&past);
    assert!(text().contains("recording_exported") && text().contains("17/3"));
    let wav = Path::new(&out).join(format!("{number}_call-1_{RECORDING}.wav"));
    assert_eq!(hound_length(&wav), 8_000);
    assert!(done.contains(&format!("{RECORDING}.wav")) && done.len() > 64, "{done}");
    assert!(wav.with_extension("json").is_file());
    // Once more: the file is there already.
    assert!(line.refused(&past).contains("exists"));
}

/// Samples of one side in a WAV file of two 16-bit sides with a 44-byte header.
fn hound_length(wav: &Path) -> u64 {
    (fs::metadata(wav).unwrap().len() - 44) / 4
}

#[test]
fn verifying_finds_a_changed_byte_and_a_missing_file() {
    let line = Line::new();
    assert!(line.ok("recordings verify").contains("0 sound, 0 open, 0 bad"));
    line.talk();
    assert!(line.ok("recordings verify").contains("1 sound, 0 open, 0 bad"));
    let file = Folder::new(&line.plan().recordings).file_of(RECORDING);
    let mut bytes = fs::read(&file).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(&file, bytes).unwrap();
    let done = line.type_in("recordings verify", "");
    assert!(!done.ok && done.out.contains("CHANGED") && done.out.contains("1 bad"), "{done:?}");
    fs::remove_file(&file).unwrap();
    let done = line.type_in("recordings verify", "");
    assert!(!done.ok && done.out.contains("its file is missing"), "{done:?}");
    assert!(line.refused("recordings verify /nowhere/at/all.srec").contains("/nowhere"));
}

#[test]
fn a_torn_journal_is_said_and_a_damaged_one_refuses() {
    let line = Line::new();
    line.talk();
    let file = line.path("data/journal/000001.log");
    let whole = fs::read(&file).unwrap();
    let mut torn = whole.clone();
    torn.extend_from_slice(&[9, 0, 0, 0, 1]);
    fs::write(&file, &torn).unwrap();
    let done = line.type_in("calls", "");
    assert!(done.ok && done.err.contains("000001.log: cut 5 bytes"), "{done:?}");
    let mut broken = whole;
    broken[40] ^= 1;
    fs::write(&file, &broken).unwrap();
    let said = line.refused("calls");
    assert!(said.contains("000001.log: the fact at byte 9 is damaged") && said.contains("backup"), "{said}");
}

#[test]
fn a_folder_that_is_held_or_cannot_be_written_is_said() {
    let line = Line::new();
    let held = senim_store::FolderLock::take(&line.plan().data).unwrap();
    assert!(line.refused("calls").contains("in use by the program with process id"));
    drop(held);
    fs::write(line.path("file"), "").unwrap();
    assert!(line.refused("calls --set data.folder=../file/data").contains("[data] folder"));
    assert!(line.refused("check --set data.folder=../file/data").contains("file is no folder"));
}

#[test]
fn the_configuration_is_looked_for_and_its_faults_are_told_by_line() {
    let line = Line::new();
    assert!(line.refused("calls --set sip.relm=x").contains("did you mean \"realm\"?"));
    fs::write(line.path("config/senim.toml"), "[line]\nucc_rign_s = 3\n").unwrap();
    assert_eq!(
        line.refused("check"),
        "config/senim.toml:2: unknown key \"ucc_rign_s\" in [line]; did you mean \"ucc_ring_s\"?\n"
    );
    fs::remove_file(line.path("config/senim.toml")).unwrap();
    assert!(line.refused("check").contains("config/senim.toml: cannot be read"));
}

#[test]
fn scripts_are_proved_with_file_and_line() {
    let line = Line::new();
    let config = "[[number]]\ndial = \"111\"\nscript = \"111\"\n";
    fs::write(line.path("config/senim.toml"), config).unwrap();
    assert!(line.refused("check").contains("senim.toml:3: there is no script 111.toml"));
    fs::write(line.path("ivr-scripts/111.toml"), "schema = 1\nstart = \"nowhere\"\n").unwrap();
    let said = line.refused("check");
    assert!(said.contains("111.toml:"), "{said}");
    assert!(line.refused("ivr check").contains("111.toml:"));
    assert!(
        line.refused(&format!("ivr check {}", line.path("config/none").display())).contains("no script here")
    );
}

/// FEATURES I5.
#[test]
fn the_stories_of_scripts_are_walked_and_what_they_leave_out_is_named() {
    let line = Line::new();
    let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../ivr-scripts");
    let done = line.type_in(&format!("ivr test {} --whole", shipped.display()), "");
    assert!(
        done.ok && done.out.contains("111: 12 stories came true; 11 of 11 steps, 16 of 16 ways"),
        "{done:?}"
    );
    let whole = fs::read_to_string(shipped.join("minimal.toml")).unwrap();
    let (steps, first) = whole.split_once("\n[[test]]").unwrap();
    let one = first.split("\n[[test]]").next().unwrap();
    fs::write(line.path("ivr-scripts/few.toml"), format!("{steps}\n[[test]]{one}")).unwrap();
    let words = format!("ivr test {}", line.path("ivr-scripts").display());
    let done = line.type_in(&words, "");
    assert!(done.ok, "{done:?}");
    for said in
        ["few: 1 stories came true; 3 of 4 steps", "no story enters urgent", "language → human (otherwise)"]
    {
        assert!(done.out.contains(said), "{said}: {done:?}");
    }
    assert!(!line.type_in(&format!("{words} --whole"), "").ok);
    fs::write(line.path("ivr-scripts/few.toml"), whole.replace("ends = \"urgent\"", "ends = \"human\""))
        .unwrap();
    assert!(line.refused(&words).contains("ends in `urgent`, not in `human`"));
    assert!(
        line.refused(&format!("ivr test {}", line.path("config/none").display())).contains("no script here")
    );
}

/// FEATURES I5: an operator walks his script with the keyboard, in either language.
#[test]
fn a_script_is_tried_in_the_terminal() {
    let line = Line::new();
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../ivr-scripts/111.toml");
    let talk = |input: &str| line.type_in(&format!("ivr talk {}", script.display()), input);
    let done = talk("\n\n2\n?\n3\nlisten\nfailed\nlisten\n0\n");
    assert!(done.ok, "{done:?}");
    for said in [
        "[greeting]",
        "kk: Сәлеметсіз бе!",
        "ru: ",
        "the caller's language is ru",
        "[ucc]",
        "he is sent on to ucc",
        "he waits in queue main",
        "first of all",
    ] {
        assert!(done.out.contains(said), "{said}: {}", done.out);
    }
    assert!(done.out.contains("`?` cannot be understood"), "{}", done.out);
    let kazakh = talk("14\n20260001238\nfound\n");
    assert!(kazakh.ok && kazakh.out.contains("the caller's language is kk"), "{}", kazakh.out);
    assert!(talk("13\nlisten\nended\n").out.contains("the call is over"), "the other centre hung up");
    assert!(line.refused("ivr talk nowhere.toml").contains("nowhere.toml"));
}

/// FEATURES N1. What is shipped proves itself.
#[test]
fn the_shipped_configurations_are_well() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for config in ["config/senim.toml", "config/bench/senim.toml"] {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut world = World { input: &mut Cursor::new(b""), out: &mut out, err: &mut err, env: &|_| None };
        let data = tempfile::tempdir().unwrap();
        let set = format!("data.folder={}", data.path().display());
        let file = root.join(config).display().to_string();
        let args = ["senim", "check", "--config", &file, "--set", &set].map(str::to_owned);
        let code = run(args, &mut world);
        assert_eq!(
            format!("{code:?}"),
            format!("{:?}", ExitCode::SUCCESS),
            "{}",
            String::from_utf8_lossy(&err)
        );
    }
}

/// FEATURES T19: without a running line; the line's own stories are in `sim/tests/again.rs`.
#[test]
fn a_caller_is_blocked_listed_and_lifted_under_a_name() {
    let line = Line::new();
    let add = "block add 87012345678 --for 24h --reason threats~by~phone --author oleg";
    assert_eq!(line.ok(add), "+7 *** *** 56 78 is blocked; the urgent key still leads to a human\n");
    let listed = line.ok("block list");
    assert!(listed.contains("+7 *** *** 56 78") && listed.contains("oleg"), "{listed}");
    assert!(listed.contains("threats by phone") && !listed.contains("2345678"), "{listed}");
    let json: serde_json::Value = serde_json::from_str(&line.ok("block list --json")).unwrap();
    assert_eq!(json[0]["number"], "+77012345678");
    assert!(line.refused("block add 87012345678 --for 24h --reason x").contains("--author"));
    assert!(line.refused("block add 87012345678 --for soon --reason x --author o").contains("24h, 30d, 5y"));
    assert!(line.refused("block add 87012345678 --for 6y --reason x --author o").contains("5 years"));
    assert!(line.refused("block add somebody --for 1h --reason x --author o").contains("+77012345678"));
    assert!(line.refused("block lift +77010000000 --author anna").contains("not blocked"));
    assert_eq!(
        line.ok("block lift +7-701-234-56-78 --author anna"),
        "+7 *** *** 56 78 is no longer blocked\n"
    );
    assert!(!line.ok("block list").contains("oleg"));
}
