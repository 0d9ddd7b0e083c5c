use muster_model::ResourceType;
use muster_protocol::project::Projection;
use serde_json::Value;

use crate::authenticate::{Caller, Subject};
use crate::expected::{Expected, Tags};
use crate::render::location;
use crate::reply::Reply;
use crate::{Bound, ScimError, Service};

impl Subject {
    /// The plugin that decides for this user.
    pub fn bound(&self) -> &Bound {
        &self.caller.bound
    }

    /// The one URL that `/Me` stands for; RFC 7644 §3.11 wants it in every answer.
    pub fn location(&self) -> String {
        location(&self.caller, &ResourceType::USER, &self.user.to_string())
    }

    /// Who may change this user: the user, where the token was issued for that (decision record 5).
    fn writer(&self) -> Result<&Caller, ScimError> {
        let detail = "this token may read its user, and not change it";
        if self.write { Ok(&self.caller) } else { Err(ScimError::Forbidden { detail }) }
    }
}

/// `/Me` (RFC 7644 §3.11): the user whose token it is, under exactly the rules of `/Users/{id}`.
impl Service {
    /// Whose access has ended does nothing by a token either: it would give them back what the identity provider has taken (record 5).
    async fn is_active(&self, subject: &Subject) -> Result<(), ScimError> {
        let user = subject.caller.tenant.directory.get(&ResourceType::USER, subject.user).await?;
        let detail = "the user that this token speaks for is deactivated";
        if user.is_none_or(|user| user.document.is_active()) { Ok(()) } else { Err(ScimError::Forbidden { detail }) }
    }

    /// Reads the user.
    pub async fn get_me(
        &self,
        subject: &Subject,
        expected: &Expected,
        projection: &Projection,
    ) -> Result<Reply, ScimError> {
        self.is_active(subject).await?;
        self.get(&subject.caller, &ResourceType::USER, &subject.user.to_string(), expected, projection).await
    }

    /// Replaces the user.
    pub async fn replace_me(
        &self,
        subject: &Subject,
        body: Value,
        expected: &Expected,
        projection: &Projection,
    ) -> Result<Reply, ScimError> {
        let (caller, id) = (subject.writer()?, subject.user.to_string());
        self.is_active(subject).await?;
        // Where a PUT to nobody creates, it would make a user with another id, who is not the one that this token speaks for. `*` wants
        // one who is there.
        let if_match = expected.if_match.clone().or(Some(Tags::Any));
        let expected = Expected { if_match, ..expected.clone() };
        self.replace(caller, &ResourceType::USER, &id, body, &expected, projection).await
    }

    /// Changes parts of the user.
    pub async fn patch_me(
        &self,
        subject: &Subject,
        body: Value,
        expected: &Expected,
        projection: &Projection,
    ) -> Result<Reply, ScimError> {
        let (caller, id) = (subject.writer()?, subject.user.to_string());
        self.is_active(subject).await?;
        self.patch(caller, &ResourceType::USER, &id, body, expected, projection).await
    }

    /// Removes the user; from then on the token finds nobody.
    pub async fn delete_me(&self, subject: &Subject, expected: &Expected) -> Result<(), ScimError> {
        let (caller, id) = (subject.writer()?, subject.user.to_string());
        self.is_active(subject).await?;
        self.delete(caller, &ResourceType::USER, &id, expected).await
    }

    /// A token is issued for a user who is there, so there is nobody to be created: 409, or 404 where the user is gone.
    pub async fn create_me(&self, subject: &Subject) -> Result<Reply, ScimError> {
        let caller = subject.writer()?;
        self.is_active(subject).await?;
        match caller.tenant.directory.get(&ResourceType::USER, subject.user).await? {
            Some(_) => Err(ScimError::SubjectExists),
            None => Err(caller.bound.not_found(&ResourceType::USER, &subject.user.to_string())),
        }
    }
}
