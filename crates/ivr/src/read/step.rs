//! One step of a script: a table with exactly one verb, and the keys that belong to it.

use super::Header;
use super::fields::Fields;
use crate::defect::{Defects, suggest};
use crate::run::PRIORITY_NORMAL;
use crate::script::{Asks, Name, Purpose, Step};
use core::ops::Range;
use toml::de::DeTable;

/// What a step can do.
const VERBS: [&str; 10] =
    ["say", "menu", "language", "collect", "status", "queue", "forward", "hang_up", "silent", "loop"];
/// What belongs to a verb: such a key is no misspelt verb.
const COMPANIONS: [&str; 19] = [
    "after",
    "again",
    "digits",
    "digits_min",
    "keys",
    "languages",
    "no_key",
    "notice",
    "number_is",
    "on_failure",
    "otherwise",
    "priority",
    "terminator",
    "then",
    "topic",
    "tries",
    "unknown",
    "wait_s",
    "wrong_key",
];
/// How often a question is heard where the script does not say.
const TRIES_DEFAULT: u8 = 3;
/// How often a question may be heard at most.
const TRIES_MAX: u8 = 9;
/// Seconds of silence after a question where the script does not say.
const WAIT_S_DEFAULT: u8 = 5;
/// Seconds of silence at most.
const WAIT_S_MAX: u8 = 60;
/// Digits of a collected number at most.
const DIGITS_MAX: u8 = 32;
/// The last priority.
const PRIORITY_MAX: u8 = 9;

type StepFields<'d, 't, 'x> = Fields<'d, 't, 'x>;

pub(super) fn read<'t>(
    name: &str,
    span: Range<usize>,
    table: &'t DeTable<'t>,
    header: &Header,
    defects: &mut Defects<'_>,
) -> Option<Step> {
    let mut fields = Fields::new(format!("step `{name}`"), span.clone(), table, defects);
    let mut verbs: Vec<&'static str> = VERBS.into_iter().filter(|v| fields.has(v)).collect();
    verbs.sort_by_key(|verb| fields.key_span(verb).start);
    match verbs.as_slice() {
        [verb] => {
            let step = of_verb(verb, &mut fields, header);
            fields.finish();
            step
        }
        [] => {
            no_verb(name, span, &mut fields);
            None
        }
        [first, second, ..] => {
            let span = fields.key_span(second);
            fields.defect(
                span,
                format!("step `{name}` does two things, `{first}` and `{second}`"),
                "make two steps of it and join them with `then`",
            );
            None
        }
    }
}

fn no_verb(name: &str, heading: Range<usize>, fields: &mut StepFields<'_, '_, '_>) {
    let misspelt = fields.keys().filter(|(key, _)| !COMPANIONS.contains(key)).find_map(|(key, span)| {
        let instead = suggest(key, VERBS);
        instead.starts_with("did you").then_some((span, instead))
    });
    let (span, instead) = misspelt.unwrap_or_else(|| (heading, format!("write one of {}", VERBS.join(", "))));
    fields.defect(span, format!("step `{name}` does nothing"), instead);
}

fn of_verb(verb: &str, f: &mut StepFields<'_, '_, '_>, header: &Header) -> Option<Step> {
    match verb {
        "say" => say(f),
        "menu" => menu(f, header),
        "language" => language(f, header),
        "collect" => collect(f, header),
        "status" => status(f, header),
        "queue" => queue(f),
        "forward" => forward(f),
        "hang_up" => {
            let ending = f.required("hang_up", "\"AN ENDING\"", Fields::name);
            let after = f.optional("after", Fields::names).unwrap_or_default();
            Some(Step::HangUp { ending: ending?, after })
        }
        "silent" => f.required("silent", "true", Fields::yes).map(|()| Step::Silent),
        _ => {
            let prompts = prompts(f, "loop");
            let keys = f.optional("keys", |f, k, v| f.phone_keys(k, v, Fields::name));
            Some(Step::Loop { prompts: prompts?, keys: keys.unwrap_or_default() })
        }
    }
}

fn say(f: &mut StepFields<'_, '_, '_>) -> Option<Step> {
    let prompts = prompts(f, "say");
    let both = match f.optional("languages", Fields::name) {
        None => Some(false),
        Some(name) => match name.text.as_str() {
            "both" => Some(true),
            "callers" => Some(false),
            other => f.unknown_word("languages", other, name.span, &["both", "callers"]),
        },
    };
    let then = target(f, "then");
    Some(Step::Say { prompts: prompts?, both: both?, then: then? })
}

fn menu(f: &mut StepFields<'_, '_, '_>, header: &Header) -> Option<Step> {
    let prompts = prompts(f, "menu");
    let keys = f.required("keys", "{ 1 = \"step\" }", |f, k, v| f.phone_keys(k, v, Fields::name));
    let asks = asks(f, header);
    Some(Step::Menu { prompts: prompts?, keys: keys?, asks: asks? })
}

fn language(f: &mut StepFields<'_, '_, '_>, header: &Header) -> Option<Step> {
    let prompts = prompts(f, "language");
    let hint = "{ 1 = \"kk\", 2 = \"ru\" }";
    let keys = f.required("keys", hint, |f, k, v| f.phone_keys(k, v, Fields::language));
    let then = target(f, "then");
    let asks = asks(f, header);
    Some(Step::Language { prompts: prompts?, keys: keys?, then: then?, asks: asks? })
}

fn collect(f: &mut StepFields<'_, '_, '_>, header: &Header) -> Option<Step> {
    let prompts = prompts(f, "collect");
    let max = f.required("digits", "11", Fields::whole);
    let max = max.and_then(|(n, span)| match u8::try_from(n) {
        Ok(n) if (1..=DIGITS_MAX).contains(&n) => Some(n),
        _ => {
            f.defect(span, format!("`digits` is {n}"), format!("write 1 to {DIGITS_MAX}"));
            None
        }
    });
    let min = f.small("digits_min", 1..=max.unwrap_or(DIGITS_MAX), max.unwrap_or(1));
    let terminator = f.optional("terminator", Fields::phone_key);
    if let Some(digit @ '0'..='9') = terminator {
        let span = f.key_span("terminator");
        f.defect(span, format!("`terminator` {digit} is a digit of numbers"), "write \"#\" or \"*\"");
    }
    let then = target(f, "then");
    let asks = asks(f, header);
    Some(Step::Collect {
        prompts: prompts?,
        digits_min: min?,
        digits_max: max?,
        terminator,
        then: then?,
        asks: asks?,
    })
}

fn status(f: &mut StepFields<'_, '_, '_>, header: &Header) -> Option<Step> {
    let found = prompts(f, "status");
    let number_is = f.optional("number_is", Fields::names).unwrap_or_default();
    let unknown = prompts(f, "unknown");
    let tries = f.small("tries", 1..=TRIES_MAX, TRIES_DEFAULT);
    let again = target(f, "again");
    let then = target(f, "then");
    let otherwise = otherwise(f, header);
    Some(Step::Status {
        number_is,
        found: found?,
        unknown: unknown?,
        tries: tries?,
        again: again?,
        then: then?,
        otherwise: otherwise?,
    })
}

fn queue(f: &mut StepFields<'_, '_, '_>) -> Option<Step> {
    let queue = f.required("queue", "\"A QUEUE\"", Fields::name);
    let topic = f.optional("topic", Fields::name).map(|n| n.text);
    let priority = f.small("priority", 0..=PRIORITY_MAX, PRIORITY_NORMAL);
    let notice = f.optional("notice", Fields::names).unwrap_or_default();
    Some(Step::Queue { queue: queue?, topic, priority: priority?, notice })
}

fn forward(f: &mut StepFields<'_, '_, '_>) -> Option<Step> {
    let to = f.required("forward", "\"ucc\"", Fields::name);
    let notice = prompts(f, "notice");
    let on_failure = target(f, "on_failure");
    Some(Step::Forward { to: to?, notice: notice?, on_failure: on_failure? })
}

fn asks(f: &mut StepFields<'_, '_, '_>, header: &Header) -> Option<Asks> {
    let tries = f.small("tries", 1..=TRIES_MAX, TRIES_DEFAULT);
    let wait_s = f.small("wait_s", 1..=WAIT_S_MAX, WAIT_S_DEFAULT);
    let no_key = f.optional("no_key", Fields::names).unwrap_or_default();
    let wrong_key = f.optional("wrong_key", Fields::names).unwrap_or_default();
    let otherwise = otherwise(f, header);
    Some(Asks { tries: tries?, wait_s: wait_s?, no_key, wrong_key, otherwise: otherwise? })
}

/// Where a caller goes whom this step cannot help: the header's `human` where the step does not say.
fn otherwise(f: &mut StepFields<'_, '_, '_>, header: &Header) -> Option<Name> {
    let own = f.optional("otherwise", Fields::name);
    if f.has("otherwise") {
        return own;
    }
    match header.purpose {
        Some(Purpose::Measuring | Purpose::Blocked) if header.human.is_none() => target(f, "otherwise"),
        _ => header.human.clone(), // where it is missing, the header was told of it
    }
}

fn prompts(f: &mut StepFields<'_, '_, '_>, key: &'static str) -> Option<Vec<Name>> {
    f.required(key, "\"A PROMPT\"", Fields::names)
}

fn target(f: &mut StepFields<'_, '_, '_>, key: &'static str) -> Option<Name> {
    f.required(key, "\"A STEP\"", Fields::name)
}
