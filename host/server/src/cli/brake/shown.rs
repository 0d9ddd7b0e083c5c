//! What is told of a brake, in lines.

use serde_json::Value;

use super::super::history::{actor, time};
use super::super::printable;
use super::super::tenant::plain;

pub(super) fn counted(tasks: u64) -> String {
    if tasks == 1 { "1 task".to_owned() } else { format!("{tasks} tasks") }
}

/// `1 task is`, `2 tasks are`
pub(super) fn are(tasks: u64) -> String {
    format!("{} {}", counted(tasks), if tasks == 1 { "is" } else { "are" })
}

pub(super) fn shown_lines(shown: &Value) -> Vec<String> {
    let (settings, engaged) = (&shown["settings"], &shown["engaged"]);
    let (tenant, held) = (plain(&shown["tenant"]), shown["held"].as_u64().unwrap_or_default());
    let mut lines = Vec::new();
    if engaged.is_object() {
        lines.push(format!("ENGAGED   since {}: {}", time(plain(&engaged["at"])), printable(plain(&engaged["why"]))));
        if engaged["group"].is_object() {
            let name = engaged["group"]["name"].as_str().unwrap_or("a group without a name");
            lines.push(format!("group     {} ({})", printable(name), plain(&engaged["group"]["id"])));
        }
        lines.push(format!(
            "by        entry {} of the log; the window begins with entry {}",
            engaged["by"], engaged["first"]
        ));
        lines.push(format!("by now    {}", losses(shown)));
    } else if settings["is_on"] == true {
        lines.push("ready     the brake is not engaged".to_owned());
        lines.push(format!("counted   {}, in the last {} s of changes", losses(shown), settings["window_s"]));
    } else {
        lines.push("OFF       nothing is held, whatever happens".to_owned());
    }
    lines.push(format!("held      {}", counted(held)));
    let to_be_held = &shown["to_be_held"];
    let waiting = to_be_held["tasks"].as_u64().unwrap_or_default();
    if waiting > 0 || to_be_held["is_whole"] == false {
        let least = if to_be_held["is_whole"] == false { "at least " } else { "" };
        lines.push(format!("waiting   {least}{} more, to be held in turn", counted(waiting)));
    }
    lines.extend(rules(settings));
    if engaged.is_object() {
        lines.push(format!(
            "see `muster brake list {tenant}`, then `release` or `cancel`, with --all, --user or --task"
        ));
    } else if held > 0 {
        lines.push(format!(
            "see `muster brake list {tenant}`: `cancel {tenant} --all` gives up what was cancelled before, `release {tenant} --all` lets the others \
             go on, and --user or --task lets go on, or gives up, whom or what it names"
        ));
    }
    lines
}

/// What is counted at this moment.
fn losses(shown: &Value) -> String {
    let (now, share) = (&shown["counted"], &shown["settings"]["group_share_percent"]);
    let groups = |count: u64| if count == 1 { "1 group".to_owned() } else { format!("{count} groups") };
    let halved = now["groups"].as_u64().filter(|groups| *groups > 0);
    let of = halved.map_or_else(String::new, |halved| format!(" ({} lost more than {share} %)", groups(halved)));
    // A long log is counted in parts, one a call.
    let least = if now["is_whole"] == false { "at least " } else { "" };
    format!(
        "{least}{} deactivated or deleted, {} with another userName, {} memberships lost{of}, {} deleted",
        now["users"],
        now["user_names"],
        now["members"],
        groups(now["groups_deleted"].as_u64().unwrap_or_default())
    )
}

/// What engages it.
fn rules(settings: &Value) -> Vec<String> {
    let (count, half, share) = (&settings["count"], &settings["half_from"], &settings["group_share_percent"]);
    let mut lines = vec![format!(
        "engages   with more than {count} users deactivated or deleted within {} s, if that is more than {} %",
        settings["window_s"], settings["share_percent"]
    )];
    if *half != 0 {
        lines.push(format!("          with {half} or more of them, if that is half or more"));
    }
    if *share != 100 {
        lines.push(format!("          with a group that loses more than {count} members and {share} %"));
        if settings["groups_from"] != 0 {
            let from = &settings["groups_from"];
            lines.push(format!(
                "          with {from} or more groups that lose more than {share} %, if that is more than {count} members together"
            ));
        }
        let of = &settings["share_percent"];
        lines.push(format!("          with more than {count} groups deleted, if that is more than {of} %"));
        if *half != 0 {
            lines.push(format!("          with {half} or more of them, if that is half or more"));
        }
    }
    let names = &settings["user_names_percent"];
    if *names != 100 {
        lines.push(format!("          with more than {count} userNames changed, if that is more than {names} %"));
        if *half != 0 {
            lines.push(format!("          with {half} or more of them, if that is half or more"));
        }
    }
    lines
}

/// `   12  held     end-sessions  User 019a... Ada Lovelace <ada>   deactivated 2026-11-03 14:03:00.000Z by token (request ...)`: the name in
/// brackets is the `userName`, by which a decision can name somebody.
pub(super) fn line(task: &Value) -> String {
    let (name, user_name) = (task["name"].as_str(), task["user_name"].as_str());
    let brackets = user_name.filter(|user_name| name != Some(*user_name));
    let brackets = brackets.map(|user_name| format!(" <{}>", printable(user_name))).unwrap_or_default();
    let name = name.map(|name| format!(" {}", printable(name))).unwrap_or_default() + &brackets;
    let queue = match plain(&task["queue"]) {
        "plugin" => String::new(),
        queue => format!(" ({})", printable(queue)),
    };
    let from = if task["event"].is_string() {
        format!(
            "{} {} by {} (request {})",
            plain(&task["event"]),
            time(plain(&task["at"])),
            actor(&task["actor"]),
            printable(plain(&task["request"]))
        )
    } else {
        format!("entry {} of the log, which is not kept any more", task["change"])
    };
    format!(
        "{:>6}  {:<7}  {}{queue}  {} {}{name}   {from}",
        task["seq"].to_string(),
        plain(&task["standing"]),
        printable(plain(&task["action"])),
        plain(&task["resource_type"]),
        plain(&task["id"]),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_is_affected_is_a_line_without_what_a_terminal_would_obey() {
        let mut task = json!({
            "seq": 12, "standing": "held", "action": "end-sessions", "queue": "plugin", "resource_type": "User", "id": "42", "name": "Ada\u{1b}",
            "change": 7, "event": "deactivated", "at": "2026-11-03T14:03:00.000Z", "actor": "operator", "request": "r-1",
        });
        let from = "deactivated 2026-11-03 14:03:00.000Z by operator (request r-1)";
        assert_eq!(line(&task), format!(r"    12  held     end-sessions  User 42 Ada\u{{1b}}   {from}"));
        task["user_name"] = json!("ada\u{1b}");
        assert_eq!(line(&task), format!(r"    12  held     end-sessions  User 42 Ada\u{{1b}} <ada\u{{1b}}>   {from}"));
        task["name"] = json!("ada\u{1b}");
        assert_eq!(line(&task), format!(r"    12  held     end-sessions  User 42 ada\u{{1b}}   {from}"), "told once");
        task["user_name"] = Value::Null;
        (task["event"], task["name"], task["queue"]) = (Value::Null, Value::Null, json!("webhook:crm"));
        task["standing"] = json!("waiting");
        assert_eq!(
            line(&task),
            "    12  waiting  end-sessions (webhook:crm)  User 42   entry 7 of the log, which is not kept any more"
        );
    }

    #[test]
    fn what_is_shown_of_an_engaged_brake_says_why_and_what_to_do() {
        let shown = json!({
            "tenant": "acme", "held": 3, "to_be_held": { "tasks": 1, "is_whole": true },
            "counted": { "users": 2, "user_names": 1, "members": 38, "groups": 1, "groups_deleted": 2, "through": 70, "is_whole": false },
            "engaged": {
                "at": "2026-11-03T14:03:00.000Z", "by": 40, "first": 10, "why": "a group lost 30 of its 40 members",
                "group": { "id": "42", "name": "every\u{1b}body" },
            },
            "settings": {
                "is_on": true, "window_s": 3600, "count": 25, "share_percent": 10, "half_from": 0, "group_share_percent": 50,
                "groups_from": 5, "user_names_percent": 100,
            },
        });
        let lines = shown_lines(&shown);
        assert_eq!(
            lines,
            [
                "ENGAGED   since 2026-11-03 14:03:00.000Z: a group lost 30 of its 40 members",
                r"group     every\u{1b}body (42)",
                "by        entry 40 of the log; the window begins with entry 10",
                "by now    at least 2 deactivated or deleted, 1 with another userName, 38 memberships lost (1 group lost more than 50 %), 2 groups \
                 deleted",
                "held      3 tasks",
                "waiting   1 task more, to be held in turn",
                "engages   with more than 25 users deactivated or deleted within 3600 s, if that is more than 10 %",
                "          with a group that loses more than 25 members and 50 %",
                "          with 5 or more groups that lose more than 50 %, if that is more than 25 members together",
                "          with more than 25 groups deleted, if that is more than 10 %",
                "see `muster brake list acme`, then `release` or `cancel`, with --all, --user or --task",
            ]
        );
    }

    #[test]
    fn what_is_held_though_nothing_is_engaged_has_a_line_that_says_what_to_do() {
        let mut shown = json!({
            "tenant": "acme", "held": 3, "to_be_held": { "tasks": 0, "is_whole": true }, "engaged": null,
            "counted": { "users": 0, "user_names": 0, "members": 0, "groups": 0, "through": 70, "is_whole": true },
            "settings": {
                "is_on": true, "window_s": 60, "count": 25, "share_percent": 10, "half_from": 5, "group_share_percent": 100,
                "groups_from": 5, "user_names_percent": 10,
            },
        });
        let lines = shown_lines(&shown);
        assert_eq!(
            lines[1],
            "counted   0 deactivated or deleted, 0 with another userName, 0 memberships lost, 0 groups deleted, in the last 60 s of changes"
        );
        assert!(lines.last().unwrap().contains("`cancel acme --all` gives up what was cancelled before"), "{lines:?}");
        assert_eq!(lines.iter().filter(|line| line.contains("with 5 or more of them, if that is half")).count(), 2);
        assert!(!lines.iter().any(|line| line.contains("a group that loses")), "{lines:?}");
        shown["held"] = json!(0);
        assert!(shown_lines(&shown).last().unwrap().starts_with("          with 5 or more of them"));
    }
}
