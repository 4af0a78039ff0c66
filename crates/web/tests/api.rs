//! The interface from outside, over real HTTP, in front of a line that notes what it is asked.
#![allow(clippy::unwrap_used)]

use senim_base::Redacted;
use senim_switch::api::{Board, Command, Duty, Refusal, Reply};
use senim_web::{Door, Question, Server};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

type Asked = Arc<Mutex<Vec<Command>>>;
/// Serves as long as it is held.
type Running = (tokio::runtime::Runtime, Server);

fn serve(token: Option<&str>) -> (Running, SocketAddr, Asked) {
    let asked = Asked::default();
    let noted = asked.clone();
    let ask = move |command: Command| {
        noted.lock().unwrap().push(command.clone());
        match command {
            Command::Board => Reply::Board { board: Box::new(Board::default()) },
            Command::Duty { login, .. } if login == "nobody" => {
                Reply::Refused { refusal: Refusal::UnknownConsultant { login } }
            }
            _ => Reply::Done,
        }
    };
    let look = |question| match question {
        Question::Call(_) => Ok(Value::Null),
        Question::Calls { limit } => Ok(json!({ "limit": limit })),
        Question::Recordings(_) => Ok(json!([{}, {}])),
        Question::Facts { .. } => Err("the disk is gone".to_owned()),
    };
    let token = token.map(|t| Redacted::new(t.to_owned()));
    let door = Door { ask: Arc::new(ask), look: Arc::new(look), token };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(Server::start("127.0.0.1:0".parse().unwrap(), door)).unwrap();
    let local = server.local();
    ((runtime, server), local, asked)
}

fn call(method: &str, url: &str, token: &str, body: &str) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = ureq::http::Request::builder()
        .method(method)
        .uri(url)
        .header("Authorization", format!("Bearer {token}"))
        .body(body.to_owned())
        .unwrap();
    let mut response = agent.run(request).unwrap();
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
}

#[test]
fn health_and_metrics_need_no_token_and_the_api_does() {
    let (_runtime, at, _) = serve(Some("secret"));
    assert_eq!(call("GET", &format!("http://{at}/healthz"), "", ""), (200, "ok\n".into()));
    let (status, page) = call("GET", &format!("http://{at}/metrics"), "", "");
    assert!(status == 200 && page.contains("senim_callers_waiting 0"), "{page}");
    for token in ["", "wrong", "secret2"] {
        assert_eq!(call("GET", &format!("http://{at}/api/v1/board"), token, "").0, 401);
    }
    assert_eq!(call("GET", &format!("http://{at}/api/v1/board"), "secret", "").0, 200);
}

#[test]
fn without_a_token_in_the_configuration_the_api_answers_nobody() {
    let (_runtime, at, asked) = serve(None);
    assert_eq!(call("GET", &format!("http://{at}/api/v1/board"), "", "").0, 401);
    assert!(asked.lock().unwrap().is_empty());
}

#[test]
fn every_route_of_the_description_is_served_and_none_without_the_token() {
    let (_runtime, at, _) = serve(Some("secret"));
    let (_, text) = call("GET", &format!("http://{at}/api/v1/openapi.json"), "", "");
    let document: Value = serde_json::from_str(&text).unwrap();
    let mut routes = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let url = format!("http://{at}{}", path.replace("{number}", "2026-000001-5").replace(['{', '}'], ""));
        for method in methods.as_object().unwrap().keys() {
            let method = method.to_uppercase();
            assert_eq!(call(&method, &url, "", "{}").0, 401, "{method} {path}");
            let (status, body) = call(&method, &url, "secret", "{}");
            let missing = status == 405 || (status == 404 && body.contains("no such page"));
            assert!(!missing, "{method} {path}: {status}");
            routes += 1;
        }
    }
    assert_eq!(routes, 15);
}

#[test]
fn faults_say_what_to_do() {
    let (_runtime, at, asked) = serve(Some("t"));
    let api = format!("http://{at}/api/v1");
    let (status, body) = call("PUT", &format!("{api}/consultants/nobody/duty"), "t", r#"{"duty":"sign_in"}"#);
    assert!(status == 404 && body.contains("senim consultant list"), "{body}");
    assert_eq!(
        call("PUT", &format!("{api}/consultants/a/duty"), "t", r#"{"duty":{"break":"lunch"}}"#).0,
        204
    );
    assert!(
        matches!(asked.lock().unwrap().last(), Some(Command::Duty { duty: Duty::Break(r), .. }) if r == "lunch")
    );
    assert_eq!(call("PUT", &format!("{api}/consultants/a/duty"), "t", "{").0, 422);
    assert_eq!(call("GET", &format!("{api}/appeals/2026-000001-9"), "t", "").0, 422);
    assert_eq!(call("POST", &format!("{api}/appeals"), "t", r#"{"by":"me"}"#).0, 422);
    assert_eq!(call("GET", &format!("{api}/calls/9"), "t", "").0, 404);
    assert_eq!(call("GET", &format!("{api}/calls?limit=5000"), "t", ""), (200, r#"{"limit":1000}"#.into()));
    let (status, body) = call("GET", &format!("{api}/facts"), "t", "");
    assert!(status == 500 && body.contains("the disk is gone"));
    assert_eq!(call("POST", &format!("{api}/appeals"), "t", &" ".repeat(70_000)).0, 413);
    // A search for recordings is a fact before its answer leaves (FEATURES R12).
    assert_eq!(call("GET", &format!("{api}/appeals/2026-000001-5/recordings?by=x"), "t", "").0, 200);
    assert!(matches!(asked.lock().unwrap().last(), Some(Command::NoteSearch { found: 2, .. })));
}

/// FEATURES T19.
#[test]
fn a_number_is_blocked_and_lifted_under_a_name_and_in_e164_only() {
    let (_runtime, at, asked) = serve(Some("t"));
    let url = format!("http://{at}/api/v1/blocks");
    let body = r#"{"number":"+7 701 234-56-78","for_s":86400,"reason":"threats","by":"oleg"}"#;
    assert_eq!(call("POST", &url, "t", body).0, 204);
    let said = format!("{:?}", asked.lock().unwrap().last().unwrap());
    assert!(said.contains("Block {") && said.contains("86400") && said.contains("oleg"), "{said}");
    assert!(!said.contains("7012345678") && !said.contains("threats"), "{said}");
    let lift = r#"{"number":"+77012345678","by":"oleg"}"#;
    assert_eq!(call("POST", &format!("{url}/lift"), "t", lift).0, 204);
    for wrong in [
        body.replace("+7 701", "8 701"),
        body.replace("86400", "\"long\""),
        body.replace(",\"by\":\"oleg\"", ""),
    ] {
        assert_eq!(call("POST", &url, "t", &wrong).0, 422, "{wrong}");
    }
}
