//! The host kernel, in a process of its own that has another root: this program, started again.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use touchstone_generate::Mix;
use touchstone_runner::HarnessError;
use touchstone_runner::scratch::Scratch;
use touchstone_runner::witness::stage::Stage;
use touchstone_runner::witness::{Exceptions, Tally};

use crate::input;

/// Says that a process is a stage, and in which folder.
const FOLDER: &str = "TOUCHSTONE_FUZZ_STAGE";

struct Running {
    /// Gone with its standard input.
    _child: Child,
    inputs: ChildStdin,
    answers: BufReader<ChildStdout>,
    _scratch: Scratch,
}

static RUNNING: Mutex<Option<Running>> = Mutex::new(None);

/// How the kernel differs from what the oracle prefers, where that is not on file.
pub(crate) fn differences(input: &[u8]) -> Vec<String> {
    let mut running = RUNNING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if running.is_none() {
        *running = Some(started().unwrap_or_else(|error| panic!("start a stage: {error}")));
    }
    let asked = running.as_mut().map_or(Ok(String::new()), |running| running.ask(input));
    let answer = asked.unwrap_or_else(|error| panic!("the stage does not answer: {error}"));
    let tally: Tally = serde_json::from_str(&answer).unwrap_or_else(|error| panic!("the stage said `{answer}`: {error}"));
    let unlisted = tally.unlisted.iter().filter(|unlisted| !unlisted.difference.permitted);
    unlisted.map(|unlisted| format!("the kernel differs: {:?}", unlisted.difference)).collect()
}

fn started() -> io::Result<Running> {
    let scratch = Scratch::new().map_err(io::Error::other)?;
    let sealed = scratch.sealed("stage").map_err(io::Error::other)?;
    let mut command = Command::new(std::env::current_exe()?);
    // a sanitizer looks for leaks in /proc, which its root has not
    command.env(FOLDER, sealed.folder()).env("LSAN_OPTIONS", "detect_leaks=0").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let (Some(inputs), Some(answers)) = (child.stdin.take(), child.stdout.take()) else { return Err(io::Error::other("it has no pipes")) };
    Ok(Running { _child: child, inputs, answers: BufReader::new(answers), _scratch: scratch })
}

impl Running {
    /// An input is its length in 4 bytes, then its bytes; an answer is a line.
    fn ask(&mut self, input: &[u8]) -> io::Result<String> {
        let len = u32::try_from(input.len()).map_err(io::Error::other)?;
        self.inputs.write_all(&len.to_le_bytes())?;
        self.inputs.write_all(input)?;
        self.inputs.flush()?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(line)
    }
}

/// Plays what comes on standard input, if this process was started for that.
pub(crate) fn serve_if_asked() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let code = match serve(Path::new(&folder)) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("the stage failed: {error}");
            1
        }
    };
    std::process::exit(code);
}

fn serve(folder: &Path) -> Result<(), HarnessError> {
    let failed = HarnessError::system("talk to the fuzzer");
    let exceptions = Exceptions::read(&crate::court::suites().join("witness.toml"))?;
    let mut stage = Stage::enter(folder, exceptions)?;
    let (mut inputs, mut answers) = (io::stdin().lock(), io::stdout().lock());
    let mut len = [0; 4];
    while inputs.read_exact(&mut len).is_ok() {
        let mut input = vec![0; u32::from_le_bytes(len) as usize];
        inputs.read_exact(&mut input).map_err(HarnessError::system("read an input"))?;
        let mut tally = Tally::default();
        if let Some(sample) = input::sample(&input, &Mix::kernel()) {
            stage.play(0, &sample, &mut tally)?;
        }
        let answer = serde_json::to_string(&tally).map_err(|error| HarnessError::system("say what came of it")(error))?;
        if writeln!(answers, "{answer}").and_then(|()| answers.flush()).is_err() {
            return Err(failed(io::ErrorKind::BrokenPipe));
        }
    }
    Ok(())
}
