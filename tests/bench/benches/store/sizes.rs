//! What an operation costs in a small directory and in a large one, or in a small group and in a large one.
//!
//! Each data set has a process of its own, and they take turns: what else the machine does meets all of them alike.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, bail};

use crate::args::{Args, Part};
use crate::data;
use crate::line::Line;
use crate::measure::Cost;
use crate::served::{Answer, Task};

/// The process of one data set.
struct Set {
    users: u64,
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Set {
    fn start(args: &Args, users: u64) -> anyhow::Result<Self> {
        data::prepare(args, users)?;
        let mut child = Command::new(std::env::current_exe()?)
            .arg(format!("--serve={users}"))
            .arg(format!("--data={}", args.data.display()))
            .arg(format!("--cache-mib={}", args.cache_mib))
            .arg(format!("--reads={}", args.reads))
            .arg(format!("--writes={}", args.writes))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (ask, answers) = (child.stdin.take(), child.stdout.take());
        let (ask, answers) = ask.zip(answers).context("the process has both ends")?;
        Ok(Self { users, child, ask, answers: BufReader::new(answers) })
    }

    fn answer(&mut self, task: Task) -> anyhow::Result<Answer> {
        writeln!(self.ask, "{}", serde_json::to_string(&task)?)?;
        self.ask.flush()?;
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            bail!("the process of the data set of {} users ended early", self.users);
        }
        Ok(serde_json::from_str(&line)?)
    }

    fn cost(&mut self, task: Task) -> anyhow::Result<Cost> {
        match self.answer(task)? {
            Answer::Cost(cost) => Ok(cost),
            Answer::Size { .. } => bail!("{task:?} was answered with something else"),
        }
    }

    fn end(self) -> anyhow::Result<()> {
        let Self { mut child, ask, .. } = self;
        drop(ask);
        if child.wait()?.success() { Ok(()) } else { bail!("the process of a data set failed") }
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut sets = args.sizes.iter().map(|users| Set::start(args, *users)).collect::<Result<Vec<_>, _>>()?;
    if args.wants(Part::Sizes) {
        by_users(args, &mut sets)?;
    }
    if args.wants(Part::Members)
        && let Some(largest) = sets.last_mut()
    {
        by_members(args, largest)?;
    }
    if args.wants(Part::Moving)
        && let Some(largest) = sets.last_mut()
    {
        moving(largest)?;
    }
    sets.into_iter().try_for_each(Set::end)
}

fn by_users(args: &Args, sets: &mut [Set]) -> anyhow::Result<()> {
    told_sizes("just opened", sets)?;
    let tasks = [
        ("get by id", Task::Get),
        ("find by key", Task::Find),
        ("filter userName eq", Task::LookUpName),
        ("filter externalId eq", Task::LookUpExternalId),
        ("create", Task::Create),
        ("patch: get and replace", Task::Patch),
        ("delete: get and remove", Task::Delete),
        ("member into a group of 10", Task::Join(10)),
        ("member out of it", Task::Leave(10)),
    ];
    let mut lines: Vec<Line> = tasks.iter().map(|(name, _)| Line::new(name, sets.len())).collect();
    for set in sets.iter_mut() {
        set.cost(Task::Warm)?;
    }
    // The first round warms what is left.
    for round in 0..=args.rounds {
        for ((_, task), line) in tasks.iter().zip(&mut lines) {
            for (column, set) in sets.iter_mut().enumerate() {
                let cost = set.cost(*task)?;
                if round > 0 {
                    line.add(column, cost);
                }
            }
        }
    }
    let heads = sets.iter().map(|set| format!(" {:>19}", format!("{} users", set.users))).collect::<Vec<_>>().concat();
    println!(
        "\nby users: time and processor time of one, in µs; writes by 64 clients, reads by one\n    {:34}{heads}",
        ""
    );
    for line in lines {
        line.tell(true);
    }
    told_sizes("after all that", sets)?;
    by_sled_itself(args, sets)?;
    let mut reopened = Line::new("reopening, in ms", sets.len());
    for _ in 0..args.rounds {
        for (column, set) in sets.iter_mut().enumerate() {
            let cost = set.cost(Task::Reopen)?;
            reopened.add(column, Cost { operations: 1000, ..cost });
        }
    }
    reopened.tell(false);
    Ok(())
}

/// What sled itself grows by, on the same files: the reference for everything above.
fn by_sled_itself(args: &Args, sets: &mut [Set]) -> anyhow::Result<()> {
    let tasks = [
        ("sled itself: the record's row", Task::GetRaw),
        ("sled itself: name, record", Task::FindRaw),
        ("sled itself: the rows of a create", Task::CreateRaw),
    ];
    let mut lines: Vec<Line> = tasks.iter().map(|(name, _)| Line::new(name, sets.len())).collect();
    for set in sets.iter_mut() {
        set.cost(Task::OpenRaw)?;
    }
    for round in 0..=args.rounds {
        for ((_, task), line) in tasks.iter().zip(&mut lines) {
            for (column, set) in sets.iter_mut().enumerate() {
                let cost = set.cost(*task)?;
                if round > 0 {
                    line.add(column, cost);
                }
            }
        }
    }
    for line in lines {
        line.tell(false);
    }
    for set in sets {
        set.cost(Task::CloseRaw)?;
    }
    Ok(())
}

fn told_sizes(when: &str, sets: &mut [Set]) -> anyhow::Result<()> {
    println!("\nmemory and disk, {when}");
    for set in sets {
        if let Answer::Size { resident, disk } = set.answer(Task::Size)? {
            let each = |bytes: u64| bytes as f64 / set.users as f64;
            let mib = |bytes: u64| bytes as f64 / (1024.0 * 1024.0);
            println!(
                "    {:>8} users: {:7.1} MiB of memory, {:9.1} MiB of disk; each {:9.0} and {:9.0} bytes",
                set.users,
                mib(resident),
                mib(disk),
                each(resident),
                each(disk)
            );
        }
    }
    Ok(())
}

fn by_members(args: &Args, set: &mut Set) -> anyhow::Result<()> {
    let groups: Vec<u64> = args.members.iter().copied().filter(|members| data::fits(*members, set.users)).collect();
    let mut lines = ["member in", "page of 100", "member out"].map(|name| Line::new(name, groups.len()));
    for round in 0..=args.rounds {
        for (task, line) in [Task::Join as fn(u64) -> Task, Task::Page, Task::Leave].into_iter().zip(&mut lines) {
            for (column, members) in groups.iter().enumerate() {
                let cost = set.cost(task(*members))?;
                if round > 0 {
                    line.add(column, cost);
                }
            }
        }
    }
    let heads =
        groups.iter().map(|members| format!(" {:>19}", format!("{members} members"))).collect::<Vec<_>>().concat();
    println!("\nby members, among {} users: time and processor time of one, in µs\n    {:34}{heads}", set.users, "");
    let [join, page, leave] = lines;
    join.tell(true);
    // A group of 10 has no page of 100.
    page.tell(false);
    leave.tell(true);
    Ok(())
}

/// Once each: they read everything.
fn moving(set: &mut Set) -> anyhow::Result<()> {
    println!("\nall of {} users, their log and their rows", set.users);
    let tasks = [
        ("export, as items", Task::Export),
        ("backup, as rows", Task::BackUp),
        ("sled itself, reading the rows", Task::RawScan),
    ];
    for (name, task) in tasks {
        let cost = set.cost(task)?;
        let (number, seconds) = (cost.operations, cost.wall.as_secs_f64());
        println!(
            "    {name:34} {number:9} in {seconds:7.1} s, {:9.0} /s, {:6.1} µs of processor time each",
            cost.per_second(),
            cost.cpu_us()
        );
    }
    Ok(())
}
