//! What the log says of a refusal: the reason, and nothing of what the request says, the plugin answers or the store keeps.

use muster_plugin::PluginError;

use crate::AdminError;

impl AdminError {
    /// As much of it as the log may have; `None`: nothing.
    pub fn for_log(&self) -> Option<String> {
        match self {
            Self::Config(problems) => {
                let places: Vec<String> = problems.iter().map(|problem| format!("{:?}", problem.pointer)).collect();
                Some(format!("the configuration does not fit the plugin at {}", places.join(", ")))
            }
            Self::Plugin(error) => Some(format!("the plugin failed: {}", without_words(error))),
            Self::Wrong(_)
            | Self::Untrusted(_)
            | Self::Signature(_)
            | Self::Exists(_)
            | Self::InUse(_)
            | Self::Revision { .. }
            | Self::Load(_)
            | Self::NotGranted { .. } => Some(self.to_string()),
            Self::Invalid(_)
            | Self::NotFound(_)
            | Self::Gone(_)
            | Self::Full
            | Self::Unavailable(_)
            | Self::Entropy(_) => None,
        }
    }
}

/// Why a plugin failed, without what it says itself: it was given the configuration, and may repeat it.
fn without_words(error: &PluginError) -> String {
    match error {
        PluginError::Rejected(rejection) => {
            format!("it answered {} where no rejection can be answered", rejection.status)
        }
        PluginError::Trapped { function, .. } => format!("it trapped in {function}"),
        PluginError::Invalid { function, .. } => format!("its answer to {function} is not valid"),
        PluginError::Deadline { .. } | PluginError::Limit { .. } | PluginError::Busy => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use muster_plugin::{Problem, Rejection};

    use super::*;

    fn logged(error: &AdminError) -> Option<String> {
        error.for_log().inspect(|says| assert!(!says.contains("hunter2"), "{says}"))
    }

    #[test]
    fn a_plugin_that_failed_is_told_by_what_it_failed_at_and_not_by_what_it_says() {
        let planted = || "hunter2".to_owned();
        let says = |error| logged(&AdminError::Plugin(error)).unwrap();
        let function = "about.check-config";
        let trapped = PluginError::Trapped { function, cause: planted() };
        assert_eq!(says(trapped), "the plugin failed: it trapped in about.check-config");
        let invalid = PluginError::Invalid { function, problem: planted() };
        assert_eq!(says(invalid), "the plugin failed: its answer to about.check-config is not valid");
        let rejected = PluginError::Rejected(Rejection { status: 409, scim_type: None, detail: planted() });
        assert_eq!(says(rejected), "the plugin failed: it answered 409 where no rejection can be answered");
        let late = PluginError::Deadline { function, limit_ms: 10 };
        assert_eq!(says(late), "the plugin failed: the plugin did not answer about.check-config within 10 ms");
    }

    #[test]
    fn the_hosts_own_words_are_told_and_those_of_a_request_are_not() {
        assert_eq!(logged(&AdminError::Wrong("limit is at least 1".to_owned())).unwrap(), "limit is at least 1");
        assert_eq!(logged(&AdminError::Invalid("there is no profile hunter2".to_owned())), None);
        let problem = Problem { pointer: "/api/key".to_owned(), message: "hunter2 is too weak".to_owned() };
        let says = "the configuration does not fit the plugin at \"/api/key\"";
        assert_eq!(logged(&AdminError::Config(vec![problem])).unwrap(), says);
    }
}
