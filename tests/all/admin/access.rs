use muster_test_harness::messages::error;
use muster_test_harness::{ADMIN_KEY, Answer, TestApp};
use reqwest::Method;

use super::problem;

/// Every route that there is, and one that is not.
const ROUTES: [(Method, &str); 22] = [
    (Method::GET, "/admin/v1/tenants"),
    (Method::POST, "/admin/v1/tenants"),
    (Method::GET, "/admin/v1/tenants/acme"),
    (Method::GET, "/admin/v1/tenants/acme/tokens"),
    (Method::POST, "/admin/v1/tenants/acme/tokens"),
    (Method::DELETE, "/admin/v1/tenants/acme/tokens/tok_1"),
    (Method::PUT, "/admin/v1/tenants/acme/binding"),
    (Method::POST, "/admin/v1/tenants/acme/binding/rollback"),
    (Method::GET, "/admin/v1/tenants/acme/accounts"),
    (Method::GET, "/admin/v1/tenants/acme/accounts/1"),
    (Method::GET, "/admin/v1/tenants/acme/log"),
    (Method::GET, "/admin/v1/tenants/acme/requests"),
    (Method::GET, "/admin/v1/tenants/acme/requests/1"),
    (Method::GET, "/admin/v1/tenants/acme/tasks"),
    (Method::GET, "/admin/v1/tenants/acme/tasks/counts"),
    (Method::GET, "/admin/v1/tenants/acme/tasks/1"),
    (Method::POST, "/admin/v1/tenants/acme/tasks/1/replay"),
    (Method::POST, "/admin/v1/tenants/acme/tasks/replay"),
    (Method::GET, "/admin/v1/plugins"),
    (Method::POST, "/admin/v1/plugins"),
    (Method::PATCH, "/admin/v1/plugins"),
    (Method::GET, "/admin/v1/nothing"),
];

#[tokio::test]
async fn without_the_admin_key_every_route_is_401() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;

    for (method, path) in ROUTES {
        let ask = || app.admin_request(method.clone(), path).body("{}");
        for request in [
            ask(),
            ask().bearer_auth("wrong"),
            ask().bearer_auth(&acme.token),
            ask().bearer_auth(""),
            ask().basic_auth("admin", Some(ADMIN_KEY)),
            ask().header("authorization", ADMIN_KEY),
            ask().bearer_auth(ADMIN_KEY.to_uppercase()),
            ask().bearer_auth(&ADMIN_KEY[1..]),
        ] {
            let answer = Answer::of(request).await;
            assert_eq!(answer.header("www-authenticate"), "Bearer", "{method} {path}");
            assert_eq!(problem(answer, 401), "the admin key is missing or not valid");
        }
    }

    assert_eq!(app.admin_get("/tenants").await.expect(200)["tenants"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_unknown_route_is_404_and_a_wrong_verb_405_for_operators() {
    let app = TestApp::start().await;

    for path in ["/nothing", "/tenants/acme/nothing", "/tenants/acme/tokens/tok_1/nothing", ""] {
        assert_eq!(problem(app.admin_get(path).await, 404), "there is no such admin endpoint", "{path}");
    }
    for (method, path) in [
        (Method::PATCH, "/tenants"),
        (Method::PUT, "/tenants/acme"),
        (Method::POST, "/tenants/acme/log"),
        (Method::DELETE, "/plugins"),
        (Method::GET, "/tenants/acme/binding"),
    ] {
        let request = app.admin_request(method.clone(), &format!("/admin/v1{path}")).bearer_auth(ADMIN_KEY);
        assert_eq!(problem(Answer::of(request).await, 405), format!("{method} is not possible here"), "{path}");
    }
    let outside = app.admin_request(Method::GET, "/nothing").bearer_auth(ADMIN_KEY);
    problem(Answer::of(outside).await, 404);
}

#[tokio::test]
async fn what_cannot_be_read_is_a_problem_too() {
    let app = TestApp::start().await;
    app.tenant("acme").await;

    for path in ["/tenants/%ff", "/tenants/%ff/log", "/tenants/acme/log?limit=many", "/tenants/acme/log?after=-1"] {
        problem(app.admin_get(path).await, 400);
    }
    for body in ["{", "[]", "\"acme\"", "{\"name\":\"acme\",\"name\":\"globex\"}"] {
        let request = app.admin_request(Method::POST, "/admin/v1/tenants").bearer_auth(ADMIN_KEY).body(body);
        problem(Answer::of(request).await, 400);
    }
}

#[tokio::test]
async fn the_admin_api_is_not_on_the_scim_listener_unless_it_is_configured() {
    let apart = TestApp::start().await;
    let mut together = TestApp::builder();
    together.config.admin.on_scim_listener = true;
    let together = together.start().await;
    let acme = apart.tenant("acme").await;
    let globex = together.tenant("globex").await;
    let ask = |app: &TestApp, key: &str| {
        let http = acme.at(&app.scim);
        http.request(Method::GET, "/admin/v1/tenants").bearer_auth(key)
    };

    let refused = Answer::of(ask(&apart, ADMIN_KEY)).await;
    let served = Answer::of(ask(&together, ADMIN_KEY)).await;
    let stranger = Answer::of(ask(&together, &globex.token)).await;

    assert_eq!(refused.expect(404), error(404, None, "there is nothing at /admin/v1/tenants"));
    assert_eq!(served.expect(200)["tenants"][0]["tenant"], "globex");
    problem(stranger, 401);
    globex.get("/Users").await.expect(200);
}
