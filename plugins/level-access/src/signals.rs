use muster_plugin_sdk::{Account, Reject, Signal};

use crate::map::{HAS_GROUPS, INACTIVE, standing};

/// An administrator has put a user into a user group (`groups-assigned`), or out of all of them (`groups-removed`).
pub(crate) fn signalled(signal: &Signal, current: Account) -> Result<Account, Reject> {
    let has_groups = match signal.name.as_str() {
        "groups-assigned" => true,
        "groups-removed" => false,
        _ => return Err(Reject::invalid_value("the signal must be `groups-assigned` or `groups-removed`")),
    };
    let is_active = current.state != INACTIVE;
    Ok(current.state(standing(is_active, has_groups)).field(HAS_GROUPS, has_groups))
}

#[cfg(test)]
mod tests {
    use muster_plugin_sdk::testing::signal;

    use super::*;

    #[test]
    fn an_administrator_assigns_and_takes_back() {
        let new = Account::new("unassigned").field("has_groups", false);
        let assigned = signalled(&signal("groups-assigned"), new.clone()).unwrap();
        assert_eq!(assigned, Account::new("assigned").field("has_groups", true));
        assert_eq!(signalled(&signal("groups-removed"), assigned).unwrap(), new);
    }

    #[test]
    fn an_inactive_user_stays_inactive_and_other_signals_are_refused() {
        let inactive = Account::new("inactive").field("has_groups", false);
        assert_eq!(signalled(&signal("groups-assigned"), inactive.clone()).unwrap().state, "inactive");
        assert_eq!(signalled(&signal("signed-in"), inactive).unwrap_err().status, 400);
    }
}
