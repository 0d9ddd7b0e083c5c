//! What is told of a deprovision, in lines.

use serde_json::Value;

use super::super::history::{actor, time};
use super::super::tenant::plain;
use super::super::{printable, say};

/// `2026-11-03 14:03:00.000Z    12  overdue     deactivated ada@example.com (019a...)  12 s late: task 3 (disable, plugin) is parked`; of several
/// steps that are left each has a line behind it.
pub(super) fn lines(one: &Value) -> Vec<String> {
    let name = one["name"].as_str().map_or_else(String::new, |name| format!(" {}", printable(name)));
    let event = one["event"].as_str().unwrap_or("ended, by an entry that is not kept any more,");
    let line = format!(
        "{}  {:>6}  {:<10}  {event}{name} ({}){}",
        time(plain(&one["at"])),
        one["entry"].to_string(),
        plain(&one["state"]),
        plain(&one["user"]),
        how_long(one),
    );
    let left = one["unfinished"].as_array().into_iter().flatten().map(|step| printable(plain(step)));
    match left.collect::<Vec<_>>().as_slice() {
        [] => vec![line],
        [step] => vec![format!("{line}: {step}")],
        steps => std::iter::once(format!("{line}:")).chain(steps.iter().map(|step| format!("    {step}"))).collect(),
    }
}

/// `  in 1.2 s`, `  12 s late`, `  in 5 min 12 s, 12 s late`
pub(super) fn how_long(one: &Value) -> String {
    let took = one["took_ms"].as_i64().filter(|_| one["state"] == "done").map(|ms| format!("in {}", span(ms)));
    let late = one["late_ms"].as_i64().map(|ms| format!("{} late", span(ms)));
    let told: Vec<String> = took.into_iter().chain(late).collect();
    if told.is_empty() { String::new() } else { format!("  {}", told.join(", ")) }
}

/// `250 ms`, `1.2 s`, `5 min 12 s`, `3 h 20 min`, `2 d 4 h`
fn span(ms: i64) -> String {
    let (s, min, h, d) = (ms / 1000, ms / 60_000, ms / 3_600_000, ms / 86_400_000);
    match ms {
        ..0 => "no time".to_owned(),
        0..1_000 => format!("{ms} ms"),
        1_000..10_000 => format!("{s}.{} s", ms % 1000 / 100),
        10_000..60_000 => format!("{s} s"),
        60_000..3_600_000 => format!("{min} min {} s", s % 60),
        3_600_000..86_400_000 => format!("{h} h {} min", min % 60),
        86_400_000.. => format!("{d} d {} h", h % 24),
    }
}

/// Everything that is known of one, in the order in which it happened.
pub(super) fn story(one: &Value) -> anyhow::Result<()> {
    let name = one["name"].as_str().map_or_else(String::new, |name| format!("{} ", printable(name)));
    say(format!("user      {name}({})", plain(&one["user"])))?;
    say(format!("state     {}{}", plain(&one["state"]), how_long(one)))?;
    say(format!(
        "written   {}   {} by {} (request {}, entry {} of the log)",
        time(plain(&one["at"])),
        plain(&one["event"]),
        actor(&one["by"]),
        printable(plain(&one["request"])),
        one["entry"]
    ))?;
    say(format!("due       {}   {} s after it", time(plain(&one["due"])), one["target_s"]))?;
    if let Some(ended) = one["ended"].as_str() {
        say(format!("ended     {}", time(ended)))?;
    }
    let steps = one["steps"].as_array().map_or(&[][..], Vec::as_slice);
    if steps.len() > 1 {
        say("steps")?;
    }
    for one in steps {
        step(one)?;
    }
    for note in one["notes"].as_array().into_iter().flatten() {
        say(format!("note      {}", printable(plain(note))))?;
    }
    Ok(())
}

fn step(step: &Value) -> anyhow::Result<()> {
    let (standing, queue) = (plain(&step["standing"]), printable(plain(&step["queue"])));
    match plain(&step["step"]) {
        "task" => {
            let ended = step["ended"].as_str().map_or_else(String::new, |ended| format!(" {}", time(ended)));
            let action = printable(plain(&step["action"]));
            say(format!("    task {}   {action} ({queue})   {standing}{ended}", step["task"]))?;
        }
        "receiver" => say(format!("    {queue}   has not been given it yet"))?,
        _ => {}
    }
    happened(step).into_iter().try_for_each(say)
}

/// The attempts of a step and the decisions over it, in the order in which they were made.
fn happened(step: &Value) -> Vec<String> {
    let of = |name: &str| step[name].as_array().into_iter().flatten();
    let attempts = of("told").map(|attempt| {
        let came = attempt["failure"].as_str().map_or_else(|| "done".to_owned(), printable);
        (&attempt["at"], format!("{} ms   {came}", attempt["took_ms"]))
    });
    let decisions = of("decisions")
        .map(|decision| (&decision["at"], format!("{} by {}", plain(&decision["what"]), actor(&decision["by"]))));
    let mut all: Vec<(&Value, String)> = attempts.chain(decisions).collect();
    // All times of a server have one form, the order of which is theirs.
    all.sort_by_key(|(at, _)| plain(at));
    all.into_iter().map(|(at, what)| format!("        {}   {what}", time(plain(at)))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn spans_are_told_as_people_say_them() {
        for (ms, told) in [
            (-5, "no time"),
            (0, "0 ms"),
            (999, "999 ms"),
            (1_250, "1.2 s"),
            (59_999, "59 s"),
            (312_000, "5 min 12 s"),
            (12_000_000, "3 h 20 min"),
            (187_200_000, "2 d 4 h"),
        ] {
            assert_eq!(span(ms), told);
        }
    }

    #[test]
    fn a_deprovision_is_a_line_without_what_a_terminal_would_obey() {
        let mut one = json!({
            "at": "2026-11-03T14:03:00.000Z", "entry": 12, "state": "failed", "event": "deactivated", "user": "42",
            "name": "ada\u{1b}", "late_ms": 12_000, "took_ms": null,
            "unfinished": ["task 3 (dis\u{1b}able, plugin) is parked", "webhook:crm has not been given it yet"],
        });
        let head = r"2026-11-03 14:03:00.000Z      12  failed      deactivated ada\u{1b} (42)  12 s late:";
        let (task, receiver) = (r"task 3 (dis\u{1b}able, plugin) is parked", "webhook:crm has not been given it yet");
        assert_eq!(lines(&one), [head, &format!("    {task}"), &format!("    {receiver}")]);
        one["unfinished"].as_array_mut().unwrap().truncate(1);
        assert_eq!(lines(&one), [format!("{head} {task}")]);
    }

    #[test]
    fn attempts_and_decisions_stand_in_the_order_in_which_they_were_made() {
        let at = |second: u32| format!("2026-11-03T14:03:{second:02}.000Z");
        let step = json!({
            "told": [
                { "at": at(1), "took_ms": 2, "failure": "not\u{1b} now" },
                { "at": at(9), "took_ms": 3, "failure": null },
            ],
            "decisions": [{ "at": at(5), "what": "replay", "by": "operator" }],
        });
        assert_eq!(
            happened(&step),
            [
                r"        2026-11-03 14:03:01.000Z   2 ms   not\u{1b} now",
                "        2026-11-03 14:03:05.000Z   replay by operator",
                "        2026-11-03 14:03:09.000Z   3 ms   done",
            ]
        );
    }
}
