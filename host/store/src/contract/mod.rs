//! What every store must promise, as tests.
//!
//! An adapter implements [`Fixture`] and calls [`crate::contract_tests!`] with an expression that makes one:
//!
//! ```ignore
//! muster_store::contract_tests!(SledFixture::new().await);
//! ```
//!
//! The expression must be told in a crate that has tokio; each promise becomes one `#[tokio::test]`. To add a promise:
//! write it as a function in one of the modules here, and name it in the macro.

#![expect(missing_docs, reason = "the name of each promise is a sentence")]
#![expect(clippy::unwrap_used, reason = "these are tests, though they are compiled as a library")]

pub mod commits;
pub mod deployment;
pub mod derived;
pub mod feeds;
pub mod help;
pub mod leases;
pub mod lists;
pub mod log;
pub mod members;
pub mod moving;
pub mod outbox;
pub mod pages;
pub mod planned;
pub mod plugin_state;
pub mod records;
pub mod replay;
pub mod rollouts;
pub mod seals;
pub mod states;
pub mod unique;

use std::sync::Arc;

use async_trait::async_trait;

use crate::Store;

/// A store of its own for one test.
#[async_trait]
pub trait Fixture: Send {
    /// How many records a query may look at: the fixture's store is opened with this bound, so that a test can reach
    /// it.
    const MAX_SCANNED: u64 = 50;

    /// The store; empty at first.
    fn store(&self) -> Arc<dyn Store>;

    /// Closes the store and opens it again, as a restart of the server does. [`Fixture::store`] then gives the new one.
    async fn reopen(&mut self);
}

/// Runs the contract on an adapter: see [`mod@crate::contract`].
#[macro_export]
macro_rules! contract_tests {
    ($fixture:expr) => {
        $crate::contract_tests! { @each $fixture;
            commits::a_commit_that_fails_leaves_nothing_behind
            commits::a_commit_that_gives_names_up_first_can_exchange_them
            commits::of_two_commits_that_claim_one_key_at_once_exactly_one_is_made
            commits::a_commit_that_needs_a_key_free_is_stale_while_another_kind_holds_it
            commits::of_two_commits_that_need_each_others_key_free_exactly_one_is_made
            commits::of_many_commits_at_once_none_is_lost_and_the_log_has_no_gaps
            commits::the_log_counts_without_gaps_and_is_read_in_pages
            commits::tasks_are_committed_with_the_changes_that_they_follow_from
            commits::tenants_do_not_see_each_other
            commits::everything_is_there_after_a_restart
            deployment::a_name_of_a_tenant_is_taken_once
            deployment::a_binding_is_replaced_only_at_the_revision_that_was_read
            deployment::tokens_are_kept_and_replaced
            deployment::plugins_are_kept_whole_and_listed_by_name_and_time
            deployment::what_is_said_of_a_plugin_is_replaced_and_a_plugin_can_go
            deployment::whom_to_trust_is_replaced_only_at_the_version_that_was_read
            deployment::what_the_clock_has_said_is_kept_and_replaced
            deployment::a_closed_store_refuses
            feeds::what_a_queue_is_fed_is_there_with_how_far_it_came_or_not_at_all
            feeds::of_many_who_feed_at_once_one_does_and_the_others_are_told
            feeds::what_is_announced_follows_from_no_entry
            feeds::a_queue_of_which_it_is_forgotten_how_far_it_was_fed_begins_anew
            leases::what_is_released_while_others_lease_is_leased_once
            leases::a_task_that_is_seized_keeps_the_later_ones_of_its_lane_back
            lists::a_list_is_in_order_of_ids_and_paged
            lists::a_list_follows_what_is_written
            lists::a_filter_finds_the_same_by_key_by_index_and_by_search
            lists::a_filter_finds_by_a_key_that_the_plugin_gave
            lists::a_filter_finds_by_membership
            lists::a_filtered_list_is_paged_and_counted
            lists::a_search_that_would_look_at_too_many_records_is_refused
            derived::a_filter_finds_by_what_is_shown_of_members
            derived::a_filter_finds_by_what_is_shown_of_groups
            derived::a_filter_finds_by_what_is_shown_of_a_manager
            derived::a_filter_finds_by_what_the_server_knows
            derived::a_filter_that_would_look_at_too_many_rows_is_refused
            derived::names_are_told_for_whoever_is_there
            derived::who_is_listed_is_told
            derived::a_filter_knows_no_member_that_is_not_shown
            log::each_write_leaves_one_entry_with_the_version_after_it
            log::who_is_removed_leaves_an_entry_for_each_group_that_it_was_in
            log::several_who_are_removed_together_leave_one_entry_for_their_group
            log::a_group_of_two_thousand_members_is_removed_with_one_entry
            log::commits_that_remove_at_once_leave_no_gaps
            log::a_change_of_what_is_not_there_is_stale
            log::what_was_removed_comes_back_under_its_id
            log::the_history_of_a_resource_is_newest_first_and_read_in_pages
            log::the_log_is_searched_by_request_and_by_time_whichever_way_the_clock_went
            log::a_search_of_the_log_looks_at_a_bounded_number_of_entries
            log::a_page_of_large_entries_ends_before_its_limit
            log::a_log_is_seen_by_its_tenant_only
            members::members_are_added_removed_and_counted
            members::members_are_read_in_pages
            members::a_row_that_is_there_or_has_no_ends_is_stale
            members::a_removed_user_leaves_its_groups_and_touches_them
            members::a_removed_group_takes_its_rows_with_it
            members::two_commits_that_add_different_members_at_once_are_both_made
            moving::what_is_exported_can_be_loaded_and_is_exported_the_same
            moving::what_was_loaded_is_read_and_written_as_if_it_had_always_been_there
            moving::an_export_is_of_one_moment
            moving::what_breaks_a_rule_of_the_store_is_not_loaded
            moving::an_abandoned_import_leaves_nothing_behind
            moving::what_came_of_an_import_is_remembered_for_a_while
            moving::whom_a_deployment_trusts_moves_with_the_whole_of_it_only
            outbox::a_lane_is_carried_out_in_order_and_others_go_on
            outbox::what_is_tried_again_waits_until_it_is_due
            outbox::the_earliest_due_is_leased_first_and_the_rest_is_told
            outbox::a_task_is_leased_once_until_the_lease_ends
            outbox::a_lease_that_ran_out_counts_until_another_one_is_given
            outbox::what_is_parked_blocks_nobody_and_what_is_held_does
            outbox::a_decision_ends_the_lease_and_moves_the_task
            outbox::a_task_can_be_replayed_after_its_lane_has_gone_on
            outbox::tasks_are_told_in_pages_by_standing_by_change_and_by_resource
            outbox::queues_that_hold_tasks_are_found
            outbox::what_is_over_is_forgotten_and_nothing_else
            outbox::nothing_is_lost_by_a_restart_but_the_leases
            outbox::of_many_who_lease_at_once_none_gets_what_another_has
            pages::pages_follow_each_other_by_position
            pages::several_kinds_are_listed_one_after_the_other
            pages::a_list_is_in_the_order_of_an_attribute_and_then_of_ids
            pages::a_list_can_be_in_the_order_of_what_is_derived
            pages::a_record_that_stays_is_on_exactly_one_page
            pages::a_position_outlives_the_record_that_told_it
            pages::an_order_is_not_made_of_too_many_records
            planned::whatever_way_is_taken_the_answer_is_the_same
            planned::what_begins_with_a_text_is_found_without_a_search
            planned::who_is_active_is_found_without_a_search
            planned::who_is_shown_as_not_active_is_found_as_that
            planned::what_changed_since_is_found_without_a_search
            plugin_state::what_a_plugin_remembers_is_its_own_and_survives_a_restart
            plugin_state::a_version_of_what_is_remembered_is_given_once
            plugin_state::what_would_be_too_much_is_not_remembered
            plugin_state::of_two_who_remember_at_once_one_is_told_that_it_has_changed
            records::a_record_is_read_back_as_it_was_written
            records::a_record_of_a_hundred_kilobytes_is_read_back
            records::an_id_is_inserted_once
            records::a_replace_at_another_version_is_stale
            records::a_key_is_held_by_one_record_of_a_kind
            records::a_replaced_record_lets_go_of_its_old_keys
            records::a_removed_record_is_gone_with_its_keys
            records::a_key_can_change_hands_in_one_commit
            records::a_long_key_is_as_exact_as_a_short_one
            records::a_touch_gives_the_next_version_and_time
            replay::the_log_replayed_gives_what_the_directory_holds
            rollouts::a_rollout_is_replaced_only_at_the_version_that_was_read
            rollouts::rollouts_are_not_exported
            rollouts::rollouts_are_listed_in_order_and_seen_by_their_tenant_only
            seals::a_log_is_sealed_from_the_latest_seal_on
            seals::of_two_seals_over_the_same_entries_exactly_one_is_kept
            seals::what_was_pruned_is_gone_and_the_rest_is_still_proved
            seals::a_log_is_cut_off_only_where_a_seal_is
            seals::a_pruning_goes_in_steps_of_which_readers_see_one
            seals::a_log_that_was_pruned_to_its_end_goes_on
            seals::who_reads_a_log_that_is_pruned_meets_no_gap
            states::accounts_are_listed_by_state_in_pages
            states::how_many_accounts_are_in_each_state_is_counted
            unique::a_unique_attribute_is_found_without_a_search
            unique::a_record_from_before_the_declaration_is_found_as_well
            unique::what_a_custom_kind_is_matched_by_is_found_without_a_search
        }
    };
    (@each $fixture:expr; $($module:ident :: $test:ident)*) => {
        $(
            #[tokio::test]
            async fn $test() {
                $crate::contract::$module::$test(&mut $fixture).await;
            }
        )*
    };
}
