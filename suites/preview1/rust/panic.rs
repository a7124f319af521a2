//! summary = "a panic traps, after the hook has left a crash report and with all earlier output in place"
//! clauses = ["program.start", "program.trap-is-no-exit", "stdio.output-in-order"]
//! tree = { "ledger" = "deposit 100\nwithdraw 30\nwithdraw 80\ndeposit 5\n" }
//! trap = "unreachable"
//! after = { "journal" = "100\n70\n", "crash-report" = "panicked: the account is overdrawn by 10\n", "unreached" = false }
//! expect_stdout = "balance 100\nbalance 70\nhook ran\n"

use std::fs::{self, File};
use std::io::{self, Write};
use std::panic;

fn main() -> io::Result<()> {
    // The report does not depend on how std words and places its own message.
    panic::set_hook(Box::new(|info| {
        let message =
            info.payload().downcast_ref::<String>().map_or("something else", String::as_str);
        fs::write("/root/crash-report", format!("panicked: {message}\n"))
            .expect("a file that can be written");
        println!("hook ran");
    }));

    let ledger = fs::read_to_string("/root/ledger")?;
    let mut journal = File::create("/root/journal")?;
    let mut balance = 0;
    for line in ledger.lines() {
        balance = book(balance, line);
        journal.write_all(format!("{balance}\n").as_bytes())?;
        println!("balance {balance}");
    }
    fs::write("/root/unreached", "")
}

fn book(balance: i64, line: &str) -> i64 {
    let (verb, amount) = line.split_once(' ').expect("a verb and an amount");
    let amount: i64 = amount.parse().expect("a number");
    let balance = if verb == "deposit" { balance + amount } else { balance - amount };
    if balance < 0 {
        panic!("the account is overdrawn by {}", -balance);
    }
    balance
}
