//! The program. Everything it does is in the library, where tests can reach it.
#![forbid(unsafe_code)]

use senim::cli::{World, run};
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut err = io::stderr();
    let mut input = io::stdin().lock();
    let env = |name: &str| std::env::var(name).ok();
    let mut world = World { input: &mut input, out: &mut out, err: &mut err, env: &env };
    let args = std::env::args_os().map(|a| a.to_string_lossy().into_owned());
    let code = run(args, &mut world);
    // A reader that went away has seen enough.
    let _ = out.flush();
    code
}
