//! Every bad key is told with its line and what to write.

use super::*;
use senim_sip::Transport;
use std::fs;
use std::path::PathBuf;

/// A folder with scripts and a configuration that says what a test adds.
struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("ivr-scripts")).unwrap();
        fs::write(dir.path().join("ivr-scripts/111.toml"), "").unwrap();
        fs::create_dir_all(dir.path().join("config")).unwrap();
        World { dir }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("config/senim.toml")
    }

    fn load_with(&self, text: &str, set: &[&str], env: Env<'_>) -> Result<Plan, String> {
        fs::write(self.file(), text).unwrap();
        let set: Vec<String> = set.iter().map(|s| (*s).to_owned()).collect();
        load(&self.file(), &set, env).map_err(|complaints| {
            let folder = format!("{}/", self.file().parent().unwrap().display());
            complaints.iter().map(|c| c.to_string().replace(&folder, "") + "\n").collect()
        })
    }

    fn faults(&self, text: &str) -> String {
        self.load_with(text, &[], &|_| None).unwrap_err()
    }

    fn plan(&self, text: &str, set: &[&str]) -> Plan {
        self.load_with(text, set, &|_| None).unwrap()
    }
}

#[test]
fn unknown_keys_are_told_all_at_once_with_their_lines_and_the_nearest_word() {
    let w = World::new();
    let text = "[line]\nucc_rign_s = 3\n\n[[trunk]]\nname = \"a\"\ncals_max = 4\nsources = [\"192.0.2.1\"]\n\n[sip]\nwhatever = 1\n";
    expect_test::expect![[r#"
        senim.toml:2: unknown key "ucc_rign_s" in [line]; did you mean "ucc_ring_s"?
        senim.toml:6: unknown key "cals_max" in [trunk]; did you mean "calls_max"?
        senim.toml:10: unknown key "whatever" in [sip]; write one of udp, tcp, tls, ws, wss, certificate, key, tls_ca, client_ca, ws_path, ws_origins, nameservers, realm, advertised, user_agent, session_expires_s, session_min_s, digest, trace, register_min_s, register_max_s, softphone_probe_s
    "#]]
    .assert_eq(&w.faults(text));
}

#[test]
fn an_unknown_table_and_wrong_toml_and_a_wrong_type_are_told_with_their_lines() {
    let w = World::new();
    expect_test::expect![[r#"
        senim.toml:2: unknown key "lnie"; did you mean "line"?
    "#]]
    .assert_eq(&w.faults("\n[lnie]\nx = 1\n"));
    assert!(w.faults("[line\n").starts_with("senim.toml:1: "), "{}", w.faults("[line\n"));
    let fault = w.faults("[line]\n\nucc_ring_s = \"soon\"\n");
    assert!(fault.starts_with("senim.toml:3: invalid type: string"), "{fault}");
}

#[test]
fn every_wrong_value_is_told_at_once() {
    let w = World::new();
    let text = r#"
[line]
scripts = "nowhere"
ucc_trunk = "moon"
utc_offset_minutes = 5000
ucc_ring_s = 0
[sip]
udp = ["127.0.0.1"]
tcp = ["0.0.0.0:5060"]
[media]
bind = "0.0.0.0"
ports = "20000"
[data]
seed = "people.csv"
[web]
listen = "8111"
[[number]]
dial = "111"
[[number]]
dial = "112"
script = "112"
[[number]]
dial = "b"
consultant = "c*"
[[trunk]]
name = "a"
sources = ["192.0.2.0/33"]
uri = "tel:111"
calls_max = 0
username = "us"
[[trunk]]
name = "a"
[[queue]]
name = "main"
wrap_up_s = 90000
"#;
    expect_test::expect![[r#"
        senim.toml:3: there is no folder nowhere; write its path from the folder of this file
        senim.toml:4: no trunk with a uri is called "moon"; write one of: a, a
        senim.toml:5: no place on earth is 5000 minutes east; write -720 to 840
        senim.toml:6: 0 seconds is out of range; write 1 to 86400
        senim.toml:7: a line that listens on every address must say which one is its own; write advertised = "192.0.2.1"
        senim.toml:8: "127.0.0.1" is not what is wanted here; write address:port, as in 192.0.2.1:5060
        senim.toml:11: no peer can send to "any address"; write the line's own address in [media] advertised
        senim.toml:12: "20000" is no range of ports; write first-last, as in "20000-29999"
        senim.toml:14: there is no file people.csv; write its path from the folder of this file
        senim.toml:16: "8111" is not what is wanted here; write address:port, as in 127.0.0.1:8111
        senim.toml:18: nothing answers "111"; write script = "111" or consultant = "LOGIN"
        senim.toml:21: there is no script 112.toml in nowhere; write the name of one
        senim.toml:24: the star stands for nothing: dial has none; write a login, or a star in dial too
        senim.toml:27: "192.0.2.0/33" is no address; write one, as in 192.0.2.10, or a network, as in 192.0.2.0/24
        senim.toml:28: "tel:111" is no SIP address; write sip:host:port;transport=udp
        senim.toml:29: 0 would shut the trunk; write a number from 1 up for calls_max
        senim.toml:30: no password for it; write password_file, or set SENIM_TRUNK_A_PASSWORD
        senim.toml:32: "a" cannot be the name; write one that no other trunk has
        senim.toml:32: the trunk neither brings calls nor takes them; write sources or uri
        senim.toml:35: 90000 seconds is out of range; write 0 to 86400
    "#]].assert_eq(&w.faults(text));
}

#[test]
fn overrides_change_any_key_and_say_what_is_wrong_with_them() {
    let w = World::new();
    let text = "[[trunk]]\nname = \"carrier\"\nsources = [\"192.0.2.1\"]\n";
    let plan = w.plan(
        text,
        &[
            "sip.realm=help",
            "sip.udp=[\"127.0.0.1:6060\"]",
            "trunk.carrier.calls_max=7",
            "trunk.1.name=\"second\"",
            "trunk.1.uri=\"sip:192.0.2.9:5070;transport=tcp\"",
            "line.ucc_number=1414",
        ],
    );
    assert_eq!(plan.config.sip.realm, "help");
    assert_eq!(plan.udp, ["127.0.0.1:6060".parse().unwrap()]);
    assert_eq!(plan.trunks[0].table.calls_max, 7);
    let place = &plan.trunks[1].target.as_ref().unwrap().place;
    assert_eq!(place.ask(), senim_sip::Ask::Nothing(Transport::Tcp, "192.0.2.9:5070".parse().unwrap()));
    assert_eq!(plan.config.line.ucc_number, "1414");
    assert_eq!(plan.ucc_trunk.as_deref(), Some("second"));
    let faults = |change: &str| w.load_with(text, &[change], &|_| None).unwrap_err();
    expect_test::expect![[r#"
        --set sip.relm: unknown key "relm" in [sip]; did you mean "realm"?
    "#]]
    .assert_eq(&faults("sip.relm=x"));
    expect_test::expect![[r#"
        --set trunk.moon.uri: there is no "moon"; write a number from 0 to 1, or a name
    "#]]
    .assert_eq(&faults("trunk.moon.uri=x"));
    expect_test::expect![[r#"
        --set line: write key.path=value, as in sip.realm="senim"
    "#]]
    .assert_eq(&faults("line"));
    assert!(faults("line.ucc_ring_s=soon").starts_with("--set line.ucc_ring_s: invalid type: string"));
}

#[test]
fn secrets_come_from_the_environment_a_key_or_a_file_and_never_print() {
    let w = World::new();
    let text = "[web]\ntoken_file = \"token\"\n[[trunk]]\nname = \"car rier\"\nuri = \"sip:192.0.2.1\"\nusername = \"us\"\npassword = \"hush\"\n";
    assert!(w.faults(text).contains("senim.toml:2: the file token cannot be read"));
    fs::write(w.dir.path().join("config/token"), "secret-of-file\n").unwrap();
    let plan = w.plan(text, &[]);
    assert_eq!(plan.web_token.as_ref().unwrap().reveal(), "secret-of-file");
    let printed = format!("{plan:?}");
    assert!(!printed.contains("secret-of-file"));
    let env = |name: &str| match name {
        "SENIM_WEB_TOKEN" => Some("secret-of-env".to_owned()),
        "SENIM_TRUNK_CAR_RIER_PASSWORD" => Some("password-of-env".to_owned()),
        _ => None,
    };
    let plan = w.load_with(text, &[], &env).unwrap();
    assert_eq!(plan.web_token.unwrap().reveal(), "secret-of-env");
    assert_eq!(plan.trunks[0].credentials.as_ref().unwrap().password.reveal(), "password-of-env");
    let w = World::new();
    assert!(
        w.faults("[[trunk]]\nname = \"a\"\nuri = \"sip:192.0.2.1\"\nusername = \"us\"\n")
            .contains("SENIM_TRUNK_A_PASSWORD")
    );
}

#[test]
fn paths_begin_at_the_folder_of_the_file() {
    let w = World::new();
    let plan = w.plan("[recording]\nfolder = \"/elsewhere\"\n", &[]);
    assert_eq!(plan.data, w.dir.path().join("config/../data"));
    assert_eq!(plan.master_key, w.dir.path().join("config/../data/master.key"));
    assert_eq!(plan.recordings, PathBuf::from("/elsewhere"));
    assert_eq!(plan.queues.len(), 1);
}

fn shipped() -> (PathBuf, String) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/senim.toml");
    let text = fs::read_to_string(&file).unwrap();
    (file, text)
}

/// FEATURES N1. The commented file and the program agree on every default.
#[test]
fn the_commented_file_gives_the_defaults() {
    let (file, text) = shipped();
    let config = read::read(&Source::new(&file, &text)).unwrap();
    let tables = Config { number: vec![], trunk: vec![], queue: vec![], network: vec![], ..config.clone() };
    assert_eq!(tables, Config::default());
    assert_eq!(config.queue, [Queue::default()]);
    assert_eq!(config.number[0].record, Number::default().record);
    let asked = Trunk { name: String::new(), sources: vec![], uri: String::new(), ..config.trunk[0].clone() };
    assert_eq!(asked, Trunk::default());
}

/// FEATURES N1. No key without a comment: each stands in the file, and each table and key has words above or beside it.
#[test]
fn the_commented_file_documents_every_key() {
    let (file, text) = shipped();
    let source = Source::new(&file, &text);
    let full = Config {
        number: vec![Number::default()],
        trunk: vec![Trunk::default()],
        network: vec![Network::default()],
        queue: vec![Queue::default()],
        ..Config::default()
    };
    let tree = toml::Value::try_from(&full).unwrap();
    let mut keys = Vec::new();
    leaves(&tree, &mut Vec::new(), &mut keys);
    assert!(keys.len() > 50, "{}", keys.len());
    let lines: Vec<&str> = text.lines().collect();
    for key in keys {
        let path: Vec<&str> = key.iter().map(String::as_str).collect();
        // `script` and `consultant` exclude each other: the second number shows the other one.
        let other: Vec<&str> = path.iter().map(|p| if *p == "0" { "1" } else { p }).collect();
        let path = if source.gives(&path) { path } else { other };
        assert!(source.gives(&path), "{path:?} is not in config/senim.toml");
        let line = source.line_of(&path).unwrap() - 1;
        let beside = lines[line].contains('#');
        let above = line > 0 && lines[line - 1].trim_start().starts_with('#');
        assert!(beside || above, "config/senim.toml:{}: {path:?} has no comment", line + 1);
    }
}

fn leaves(value: &toml::Value, path: &mut Vec<String>, out: &mut Vec<Vec<String>>) {
    let mut each = |key: String, inner: &toml::Value| {
        path.push(key);
        leaves(inner, path, out);
        path.pop();
    };
    match value {
        toml::Value::Table(table) => table.iter().for_each(|(k, v)| each(k.clone(), v)),
        toml::Value::Array(array) if array.iter().any(toml::Value::is_table) => {
            array.iter().enumerate().for_each(|(i, v)| each(i.to_string(), v));
        }
        _ => out.push(path.clone()),
    }
}

const ANSWERED: &str = "[[number]]\ndial = \"111\"\nscript = \"111\"\n\
    [[trunk]]\nname = \"carrier\"\nsources = [\"192.0.2.1\"]\n";
const FOR_CALLERS: &str = "schema = 1\nstart = \"human\"\ndefault_language = \"kk\"\nhuman = \"human\"\n\
    urgent = { key = \"0\", to = \"urgent\" }\n[step.human]\nqueue = \"main\"\n\
    [step.urgent]\nqueue = \"main\"\npriority = 0\n";
const FOR_MEASURING: &str = "schema = 1\npurpose = \"measuring\"\nstart = \"s\"\ndefault_language = \"ru\"\n\
    [step.s]\nsilent = true\n";

/// What stands in the way of 111 at every hour: values, scripts and lint as `serve` and `check` go through them.
fn unanswered(config: &str, script: &str) -> String {
    let w = World::new();
    fs::write(w.dir.path().join("ivr-scripts/111.toml"), script).unwrap();
    let plan = match w.load_with(config, &[], &|_| None) {
        Ok(plan) => plan,
        Err(faults) => return faults,
    };
    let around = senim_ivr::World { prompts: None, ..crate::scripts::world(&plan, false) };
    let file = plan.scripts.join("111.toml");
    let script = match crate::scripts::read(&file, &around) {
        Ok(script) => script,
        Err(faults) => return faults.iter().map(|f| f.what.clone() + "\n").collect(),
    };
    let scripts = [("111".to_owned(), std::sync::Arc::new(script))].into();
    let folder = format!("{}/", w.file().parent().unwrap().display());
    lint(&plan, &scripts).iter().map(|c| c.to_string().replace(&folder, "") + "\n").collect()
}

/// FEATURES T1. Each change that could leave 111 unanswered at some hour is refused, with its line and what to write.
#[test]
fn every_change_that_could_leave_111_unanswered_is_refused() {
    assert_eq!(unanswered(ANSWERED, FOR_CALLERS), "");
    let number = "[[number]]\ndial = \"111\"\nscript = \"111\"\n";
    let trunk = "sources = [\"192.0.2.1\"]\n";
    let shadow = |dial: &str| format!("[[number]]\ndial = \"{dial}\"\nconsultant = \"a\"\n{number}");
    for (what, from, to, wanted) in [
        ("no number", number, "".to_owned(), "nobody answers 111; write [[number]]"),
        ("another number", "\"111\"\ns", "\"112\"\ns".to_owned(), "senim.toml:1: nobody answers 111"),
        ("shadowed", number, shadow("1*"), "senim.toml:2: \"1*\" stands before \"111\" and answers it"),
        ("all shadowed", number, shadow("*"), "senim.toml:2: \"*\" stands before \"111\""),
        (
            "one consultant",
            "script = \"111\"",
            "consultant = \"a\"".to_owned(),
            "senim.toml:3: one consultant",
        ),
        ("unrecorded", number, format!("{number}record = false\n"), "senim.toml:4: every talk of 111"),
        ("no sources", trunk, "uri = \"sip:192.0.2.1\"\n".to_owned(), "no trunk brings calls to 111"),
        ("no trunk", "[[trunk]]\nname = \"carrier\"\nsources = [\"192.0.2.1\"]\n", "".to_owned(), "no trunk"),
        ("shut", trunk, format!("{trunk}calls_max = 0\n"), "senim.toml:7: 0 would shut the trunk"),
        ("slow", trunk, format!("{trunk}calls_per_second_max = 0\n"), "0 would shut the trunk"),
        ("deaf", number, format!("{number}[sip]\nudp = []\ntcp = []\n"), "the line listens nowhere"),
        ("no script", "script = \"111\"", "script = \"112\"".to_owned(), "there is no script 112.toml"),
        ("no queue", trunk, format!("{trunk}[[queue]]\nname = \"other\"\n"), "unknown queue `main`"),
    ] {
        let changed = ANSWERED.replacen(from, &to, 1);
        assert_ne!(changed, ANSWERED, "{what}");
        let said = unanswered(&changed, FOR_CALLERS);
        assert!(said.contains(wanted), "{what}: {said}");
    }
    let said = unanswered(ANSWERED, FOR_MEASURING);
    assert!(said.contains("senim.toml:3: the script \"111\" is not for callers"), "{said}");
    let blind = FOR_CALLERS.replace("human = \"human\"\n", "");
    assert!(unanswered(ANSWERED, &blind).contains("human"), "{}", unanswered(ANSWERED, &blind));
    let measuring = "[line]\nmeasuring = true\n";
    assert_eq!(unanswered(measuring, FOR_CALLERS), "", "a measuring line need not");
}

#[test]
fn forwards_go_by_the_named_trunk_or_by_those_that_say_so_or_by_the_first_with_a_uri() {
    let w = World::new();
    let trunks = |forwards: &str| {
        format!(
            "[[trunk]]\nname = \"in\"\nsources = [\"192.0.2.1\"]\n[[trunk]]\nname = \"a\"\nuri = \"sip:192.0.2.2\"\n\
             [[trunk]]\nname = \"b\"\nuri = \"sip:192.0.2.3\"\n{forwards}"
        )
    };
    assert_eq!(w.plan(&trunks(""), &[]).ucc_trunk.as_deref(), Some("a"));
    assert_eq!(w.plan(&trunks("forwards = true\n"), &[]).ucc_trunk.as_deref(), Some(""));
    let named = w.plan(&trunks("forwards = true\n"), &["line.ucc_trunk=b"]);
    assert_eq!(named.ucc_trunk.as_deref(), Some("b"));
    let deaf = "[[trunk]]\nname = \"in\"\nsources = [\"192.0.2.1\"]\nforwards = true\n";
    assert_eq!(
        w.faults(deaf),
        "senim.toml:4: a trunk without uri carries no call out; write uri, or forwards = false\n"
    );
    assert!(w.faults("[line]\nflood_calls = 101\n").starts_with("senim.toml:2: so many calls cannot"));
    assert_eq!(w.plan("[line]\nflood_calls = 100\n", &[]).config.line.flood_calls, 100);
}

/// FEATURES L5, Q4.
#[test]
fn a_queue_says_who_is_next_and_a_wrong_word_is_told_with_its_line() {
    let w = World::new();
    for strategy in senim_queue::Strategy::ALL {
        let text = format!("[[queue]]\nstrategy = \"{}\"\nwiden_after_s = 30\n", strategy.name());
        let plan = w.plan(&text, &["line.priority_worth_s=90"]);
        assert_eq!((plan.queues[0].strategy, plan.queues[0].widen_after_s), (strategy, 30));
        assert_eq!(plan.config.line.priority_worth_s, 90);
    }
    let wrong = w.faults("[[queue]]\nstrategy = \"ring_all\"\n");
    assert!(wrong.starts_with("senim.toml:2: ") && wrong.contains("`longest_idle`"), "{wrong}");
    let wrong = w.faults("[[queue]]\nwiden_after_s = 4000000000\n");
    assert!(wrong.starts_with("senim.toml:2: 4000000000 seconds is out of range"), "{wrong}");
}

#[test]
fn every_wrong_wire_is_told_at_once() {
    let w = World::new();
    let text = r#"
[sip]
tls = ["0.0.0.0"]
wss = ["127.0.0.1:5062"]
ws_path = "sip"
ws_origins = ["https://desk.example/", "*"]
key = ["a.key"]
nameservers = ["dns.example"]
[media]
bind6 = "192.0.2.1"
[[network]]
cidr = ["10.0.0.0/40"]
advertised = "0.0.0.0"
[[network]]
name = "empty"
[[trunk]]
name = "a"
sources = ["192.0.2.1"]
uri = "sips:carrier.example"
tls_name = "carrier.example"
[[trunk]]
name = "b"
uri = "sip:carrier.example;transport=ws"
[[trunk]]
name = "c"
uri = "sip:111@carrier.example"
[[trunk]]
name = "d"
uri = "sip:carrier.example;lr"
"#;
    expect_test::expect![[r#"
        senim.toml:3: "0.0.0.0" is not what is wanted here; write address:port, as in 192.0.2.1:5060
        senim.toml:4: nothing is secure without a certificate; write certificate = ["line.pem"] and key = ["line.key"]
        senim.toml:5: a path begins with a stroke; write "/" or "/sip"
        senim.toml:6: "*" is no origin of a page; write it as browsers send it, as in "https://desk.example.kz"
        senim.toml:6: "https://desk.example/" is no origin of a page; write it as browsers send it, as in "https://desk.example.kz"
        senim.toml:7: each certificate has one key; write as many files in key as in certificate
        senim.toml:8: "dns.example" is not what is wanted here; write an address, as in 192.0.2.53, or address:port
        senim.toml:10: "192.0.2.1" is none of IPv6; write it in bind, or an address of IPv6, as in 2001:db8::1
        senim.toml:12: "10.0.0.0/40" is not an address block: write "192.0.2.10", "192.0.2.0/24" or "2001:db8::/32"
        senim.toml:13: no peer can send to "any address"; write the line's own address in that network
        senim.toml:14: a network of nobody; write the addresses of its peers, as in cidr = ["10.0.0.0/8"]
        senim.toml:15: the network is told nothing of its own; write advertised or media_advertised
        senim.toml:19: nobody vouches for this peer; write in [sip] tls_ca = the file of the authority that signed its certificate
        senim.toml:20: no client is asked for a certificate; write in [sip] client_ca = the file of the authority that signed it
        senim.toml:23: "sip:carrier.example;transport=ws" has a transport that is not known here; write sip:host:port;transport=udp
        senim.toml:26: "sip:111@carrier.example" names no host alone; write sip:host:port;transport=udp
        senim.toml:29: "sip:carrier.example;lr" has parameters that are not known here; write sip:host:port;transport=udp
    "#]].assert_eq(&w.faults(text));
}

#[test]
fn wires_are_read_with_their_files_beside_the_configuration() {
    let w = World::new();
    let text = "[sip]\ntls = [\"[::1]:5061\"]\ncertificate = [\"a.pem\", \"b.pem\"]\nkey = [\"a.key\", \"b.key\"]\n\
        tls_ca = \"ca.pem\"\nclient_ca = \"ca.pem\"\nnameservers = [\"192.0.2.53\", \"192.0.2.54:5353\"]\n\
        [[network]]\ncidr = [\"10.0.0.0/8\"]\nadvertised = \"10.0.0.1:5070\"\nmedia_advertised = \"10.0.0.2\"\n\
        [[trunk]]\nname = \"a\"\nsources = [\"192.0.2.0/24\"]\nuri = \"sips:carrier.example\"\ntls_name = \"x.example\"\n";
    let wires = w.plan(text, &[]).wires;
    let beside = |name: &str| w.dir.path().join("config").join(name);
    assert_eq!(wires.files.chains[1], (beside("b.pem"), beside("b.key")));
    assert_eq!(wires.files.authorities, Some(beside("ca.pem")));
    assert_eq!(wires.demands, [("192.0.2.0/24".parse().unwrap(), "x.example".to_owned())]);
    let servers: Vec<String> = wires.nameservers.iter().map(ToString::to_string).collect();
    assert_eq!(servers, ["192.0.2.53:53", "192.0.2.54:5353"]);
    assert_eq!(wires.networks[0].advertised, Some(("10.0.0.1".parse().unwrap(), Some(5070))));
    assert_eq!(wires.networks[0].media_advertised, Some("10.0.0.2".parse().unwrap()));
    assert!(wires.is_secure());
}

#[test]
fn a_codec_that_is_not_spoken_is_named_with_those_that_are() {
    let w = World::new();
    let faults = w.faults(
        "\n[media]\nsoftphone_codecs = [\"OPUS\", \"G729\"]\n[[trunk]]\nname = \"a\"\nsources = [\"192.0.2.1\"]\n\
         codecs = []\n[[trunk]]\nname = \"b\"\nsources = [\"192.0.2.2\"]\ncodecs = [\"pcma\", \"PCMA\"]\n",
    );
    for fault in [
        r#"senim.toml:3: "G729" is not spoken here; write each once of "PCMA", "PCMU", "G722", "opus""#,
        r#"senim.toml:7: nobody could be heard; write ["PCMA", "PCMU"]"#,
        r#"senim.toml:11: "PCMA" stands here twice; write each once of "PCMA", "PCMU", "G722", "opus""#,
    ] {
        assert!(faults.contains(fault), "{faults}");
    }
}
