//! Trunks that move, and name servers that are silent, in virtual time.

use super::*;
use crate::config;
use std::collections::VecDeque;
use std::sync::Mutex;

type Answer = Result<(&'static [&'static str], u64), ResolveFault>;

/// Name servers by heart: each question gets the next answer, the last one for ever; a silent one takes a minute.
#[derive(Clone)]
struct Script(Arc<Mutex<VecDeque<Answer>>>);

const SLOW: Duration = Duration::from_secs(60);

impl Script {
    fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Script(Arc::new(Mutex::new(answers.into_iter().collect())))
    }
}

impl Finds for Script {
    async fn find(&self, place: &senim_sip::Place, _: &mut Entropy) -> Result<Found, ResolveFault> {
        assert_eq!(place.host, "carrier.example");
        let answer = {
            let mut left = self.0.lock().unwrap();
            if left.len() > 1 { left.pop_front().unwrap() } else { left.front().unwrap().clone() }
        };
        if answer == Err(ResolveFault::Silent) {
            tokio::time::sleep(SLOW).await;
        }
        answer.map(|(addresses, good_s)| Found {
            hops: addresses
                .iter()
                .map(|a| Hop { transport: Transport::Udp, address: a.parse().unwrap() })
                .collect(),
            good_for: Duration::from_secs(good_s),
        })
    }
}

/// One trunk with a name, one with an address, one that only brings calls.
fn plan() -> Plan {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("ivr-scripts")).unwrap();
    std::fs::create_dir_all(dir.path().join("config")).unwrap();
    let file = dir.path().join("config/senim.toml");
    let text = "[[trunk]]\nname = \"named\"\nuri = \"sip:carrier.example:5060\"\n\
                [[trunk]]\nname = \"fixed\"\nuri = \"sip:192.0.2.9\"\n\
                [[trunk]]\nname = \"in\"\nsources = [\"192.0.2.1\"]\n";
    std::fs::write(&file, text).unwrap();
    config::load(&file, &[], &|_| None).unwrap()
}

fn finder(script: &Script) -> Finder<Script> {
    let local = vec![(Transport::Udp, "192.0.2.100:5060".parse().unwrap())];
    Finder { resolver: Some(Ok(script.clone())), local, tls: None }
}

fn remotes(flows: &[Flow]) -> Vec<String> {
    flows.iter().map(|f| f.remote.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_trunk_is_followed_to_where_its_name_leads_and_stays_while_nobody_knows() {
    let one: Answer = Ok((&["192.0.2.1:5060", "192.0.2.2:5060"], 300));
    let two: Answer = Ok((&["192.0.2.3:5060", "[2001:db8::1]:5060"], 3_600));
    let silent = || Err(ResolveFault::Silent);
    let script = Script::new([one, silent(), silent(), Err(ResolveFault::NoAddress), two]);
    let told = Arc::new(Mutex::new(Vec::new()));
    let (to, began) = (told.clone(), tokio::time::Instant::now());
    finder(&script).follow(&plan(), &mut Entropy::from_seed(1), move |trunk, flows| {
        assert_eq!(trunk, "named", "the others are where they are");
        to.lock().unwrap().push((began.elapsed().as_secs(), remotes(&flows)));
    });
    tokio::time::sleep(Duration::from_secs(1_000)).await;
    // Each answer is believed for its time; a question that failed is asked again after one, two and four seconds. The
    // line has no address of the second family: that way is none.
    let first = (0, vec!["192.0.2.1:5060".to_owned(), "192.0.2.2:5060".to_owned()]);
    let second = (300 + 60 + 1 + 60 + 2 + 4, vec!["192.0.2.3:5060".to_owned()]);
    assert_eq!(*told.lock().unwrap(), [first, second]);
}

#[tokio::test(start_paused = true)]
async fn the_start_waits_a_few_seconds_for_a_name_and_not_at_all_for_an_address() {
    let mut entropy = Entropy::from_seed(1);
    let began = tokio::time::Instant::now();
    let places = finder(&Script::new([Err(ResolveFault::Silent)])).first(&plan(), &mut entropy).await;
    assert_eq!(began.elapsed(), FIRST_MAX);
    assert_eq!(places.keys().collect::<Vec<_>>(), ["fixed"]);
    assert_eq!(remotes(&places["fixed"]), ["192.0.2.9:5060"]);
    let at_once: Answer = Ok((&["192.0.2.1:5060"], 60));
    let found = Script::new([at_once]);
    let places = finder(&found).first(&plan(), &mut entropy).await;
    assert_eq!(remotes(&places["named"]), ["192.0.2.1:5060"]);
    assert_eq!(began.elapsed(), FIRST_MAX, "an answer is there at once");
}
