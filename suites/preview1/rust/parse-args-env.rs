//! summary = "options come from the arguments, defaults from the environment, and both arrive byte for byte"
//! clauses = ["args_sizes_get.counts-and-bytes", "args_get.fits-the-sizes", "args_get.zero-terminated", "args_get.pointers-into-buffer", "args_get.in-order", "args_get.program-name-first", "environ_sizes_get.counts-and-bytes", "environ_get.fits-the-sizes", "environ_get.key-equals-value", "environ_get.zero-terminated", "environ_get.pointers-into-buffer", "environ_get.only-what-was-given"]
//! args = ["prog", "--name", "Ada Lovelace", "--count=3", "-v", "-v", "--", "--not-an-option", "", "naïve 日本"]
//! env = { APP_COLOUR = "green", APP_EMPTY = "", APP_EQUALS = "a=b=c", APP_NAME = "ignored", APP_TEXT = " blüht \t", OTHER = "not asked for" }
//! expect_stdout = "program: \"prog\" and 9 arguments\nname: \"Ada Lovelace\"\ncount: 3\nverbose: 2\ncolour: \"green\"\noperands: [\"--not-an-option\", \"\", \"naïve 日本\"]\nbytes: 28\nAPP_COLOUR=\"green\"\nAPP_EMPTY=\"\"\nAPP_EQUALS=\"a=b=c\"\nAPP_NAME=\"ignored\"\nAPP_TEXT=\" blüht \\t\"\nOTHER=\"not asked for\"\nempty: Ok(\"\"), missing: Err(NotPresent)\nhello Ada Lovelace! hello Ada Lovelace! hello Ada Lovelace! \n"

use std::collections::BTreeMap;
use std::env;
use std::process;

struct Options {
    name: String,
    colour: String,
    count: usize,
    verbose: usize,
    operands: Vec<String>,
}

fn main() {
    let mut arguments = env::args();
    let program = arguments.next().unwrap_or_default();
    println!("program: {program:?} and {} arguments", arguments.len());

    let options = match parse(arguments) {
        Ok(options) => options,
        Err(message) => {
            println!("{program}: {message}");
            process::exit(2);
        }
    };
    println!("name: {:?}", options.name);
    println!("count: {}", options.count);
    println!("verbose: {}", options.verbose);
    println!("colour: {:?}", options.colour);
    println!("operands: {:?}", options.operands);
    println!("bytes: {}", options.operands.iter().map(String::len).sum::<usize>());

    // Sorted, since nobody promises an order.
    let variables: BTreeMap<String, String> = env::vars().collect();
    for (key, value) in &variables {
        println!("{key}={value:?}");
    }
    println!("empty: {:?}, missing: {:?}", env::var("APP_EMPTY"), env::var("APP_MISSING"));

    for _ in 0..options.count {
        print!("hello {}! ", options.name);
    }
    println!();
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        name: env::var("APP_NAME").unwrap_or_default(),
        colour: env::var("APP_COLOUR").unwrap_or_default(),
        count: 1,
        verbose: 0,
        operands: Vec::new(),
    };
    while let Some(argument) = arguments.next() {
        let (option, mut value) = match argument.split_once('=') {
            Some((option, value)) if option.starts_with("--") => (option, Some(value.to_owned())),
            _ => (argument.as_str(), None),
        };
        let mut value =
            || value.take().or_else(|| arguments.next()).ok_or(format!("{option} needs a value"));
        match option {
            "--name" => options.name = value()?,
            "--colour" => options.colour = value()?,
            "--count" => options.count = value()?.parse().map_err(|_| "--count needs a number")?,
            "-v" => options.verbose += 1,
            "--" => options.operands.extend(arguments.by_ref()),
            _ if option.starts_with('-') => return Err(format!("what is {option}?")),
            _ => options.operands.push(argument),
        }
    }
    Ok(options)
}
