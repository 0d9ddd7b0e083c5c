/// Somebody in the identity provider's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The identity provider's own id.
    pub key: String,
    /// Given name.
    pub given: String,
    /// Family name.
    pub family: String,
    /// E-mail address, which is the login as well.
    pub email: String,
    /// Department.
    pub department: String,
    /// Whether access is to be granted.
    pub active: bool,
}

impl Person {
    /// Given and family name.
    pub fn display_name(&self) -> String {
        format!("{} {}", self.given, self.family)
    }
}

/// A group in the identity provider's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The identity provider's own id.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Whose e-mail addresses are in it.
    pub members: Vec<String>,
}

/// A small company: `count` people, and groups for its departments. `domain` keeps companies apart.
pub fn sample(domain: &str, count: usize) -> (Vec<Person>, Vec<Group>) {
    const GIVEN: [&str; 12] = [
        "Ada",
        "Grace",
        "Edsger",
        "Barbara",
        "Alan",
        "Hedy",
        "Katherine",
        "Dennis",
        "Radia",
        "Niklaus",
        "Frances",
        "Tony",
    ];
    const FAMILY: [&str; 12] = [
        "Byron",
        "Murray",
        "Dijk",
        "Huberman",
        "Mathison",
        "Kiesler",
        "Coleman",
        "MacAlistair",
        "Joy",
        "Emil",
        "Spence",
        "Hoar",
    ];
    const DEPARTMENTS: [&str; 3] = ["Engineering", "Analysis", "Support"];
    let people: Vec<Person> = (0..count)
        .map(|number| {
            let (given, round) = (GIVEN[number % GIVEN.len()], number / GIVEN.len());
            let family = FAMILY[(number + round) % FAMILY.len()];
            let serial = if round == 0 { String::new() } else { round.to_string() };
            Person {
                key: format!("00u{number:04}{}", domain.replace('.', "")),
                given: given.to_owned(),
                family: family.to_owned(),
                email: format!("{}.{}{serial}@{domain}", given.to_lowercase(), family.to_lowercase()),
                department: DEPARTMENTS[number % DEPARTMENTS.len()].to_owned(),
                active: true,
            }
        })
        .collect();
    let group = |(number, name): (usize, &&str)| {
        let inside = people.iter().filter(|person| person.department == **name);
        Group {
            key: format!("00g{number:04}"),
            name: (*name).to_owned(),
            members: inside.map(|person| person.email.clone()).collect(),
        }
    };
    let groups = DEPARTMENTS.iter().enumerate().map(group).collect();
    (people, groups)
}
