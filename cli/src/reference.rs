//! docs/cli.md, made from the command line as clap sees it: `make snapshots` writes it, a test holds it to the code.
//!
//! It is the snapshot of every command's help as well: whoever changes a flag sees it there.

use std::fmt::Write as _;

use clap::{Command, CommandFactory as _};

use crate::args::Cli;
use crate::exit::CODES_HELP;
use crate::settings::catalogue;
use crate::snapshot;

const FILE: &str = "../docs/cli.md";
const WIDTH: usize = 80;
/// Every command takes these; they are told once.
const GLOBAL: &str = "Global options:";

/// A command with its whole name.
struct Named {
    name: String,
    command: Command,
}

fn root() -> Command {
    let mut root = Cli::command().term_width(WIDTH);
    root.build();
    root
}

/// The command and all below it, in the order of the help. What is hidden, and clap's own `help`, are left out.
fn all(command: &Command, name: &str, into: &mut Vec<Named>) {
    into.push(Named { name: name.to_owned(), command: command.clone().bin_name(name) });
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
        all(sub, &format!("{name} {}", sub.get_name()), into);
    }
}

fn commands() -> Vec<Named> {
    let mut commands = Vec::new();
    all(&root(), "sweep", &mut commands);
    commands
}

fn help(named: &Named) -> String {
    let text = named.command.clone().render_long_help().to_string();
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// The help without the options that all commands have.
fn own(help: &str) -> String {
    let mut text = String::new();
    let mut global = false;
    for paragraph in help.split("\n\n") {
        let starts = paragraph.starts_with(GLOBAL);
        // The options themselves are indented, whatever is between them.
        global = starts || (global && paragraph.starts_with("  "));
        if !global {
            let _ = write!(text, "{}{paragraph}", if text.is_empty() { "" } else { "\n\n" });
        }
    }
    text.trim_end().to_owned()
}

fn anchor(name: &str) -> String {
    name.replace(' ', "-")
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

fn markdown() -> String {
    let commands = commands();
    let mut text = "# Commands and settings\n\n\
        <!-- Made from the code by `make snapshots`; cli/src/reference.rs has the rest. -->\n\n\
        What every command takes, as `sweep COMMAND --help` prints it; how they are used together is in\n\
        [command-line.md](command-line.md).\n\n"
        .to_owned();
    for Named { name, command } in
        commands.iter().skip(1).filter(|named| named.command.get_subcommands().next().is_none())
    {
        let _ = writeln!(text, "- [`{name}`](#{}): {}", anchor(name), about(command));
    }
    text += "- [Settings](#settings), [exit codes](#exit-codes)\n";
    for named in &commands {
        let help = help(named);
        let shown = if named.name == "sweep" { help.trim_end().to_owned() } else { own(&help) };
        let _ = write!(text, "\n## {}\n\n```text\n{shown}\n```\n", named.name);
    }
    let _ = write!(
        text,
        "\n## Settings\n\nFlags go before variables, variables before the file, the file before defaults. The file is\n\
         `SWEEP_HOME/sweep.toml`, or the one that `SWEEP_CONFIG` names; paths in it are relative to it. `sweep config show` prints what holds\n\
         and where it came from.\n\n{}\n\
         `SWEEP_LOG` is a tracing filter and goes before `-v` and `-q`. `SWEEP_ORT` names the ONNX Runtime library. `NO_COLOR`, `CLICOLOR`,\n\
         `CLICOLOR_FORCE` and `TERM=dumb` are heeded where `--color` says nothing.\n",
        catalogue::as_markdown()
    );
    let codes = CODES_HELP.strip_prefix("Exit codes:\n").unwrap_or(CODES_HELP);
    let _ = write!(text, "\n## Exit codes\n\n```text\n{codes}\n```\n");
    text
}

#[test]
fn the_reference_is_what_the_code_says() {
    snapshot::compare(FILE, &markdown());
}

#[test]
fn every_help_fits_80_columns() {
    for named in commands() {
        let help = help(&named);
        for line in help.lines() {
            assert!(line.chars().count() <= WIDTH, "{}: {} columns: {line}", named.name, line.chars().count());
        }
    }
}

#[test]
fn what_all_commands_take_is_told_once() {
    let status = commands().into_iter().find(|named| named.name == "sweep status").unwrap();
    let (whole, own) = (help(&status), own(&help(&status)));
    assert!(whole.contains("--home") && whole.contains(GLOBAL), "{whole}");
    assert!(!own.contains("--home") && own.contains("--all") && own.contains("Examples:"), "{own}");
}
