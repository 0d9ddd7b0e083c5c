//! The one page. It is made anew for each look, and looks again by itself.

use std::fmt::Write as _;
use std::sync::{Arc, PoisonError};

use axum::body::Bytes;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use url::form_urlencoded;

use crate::muster::Signal;
use crate::products::{Clicked, Product};
use crate::{Shared, muster, settings};

/// What somebody wants to see.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct View {
    #[serde(default)]
    invited: Option<String>,
    #[serde(skip)]
    pub(crate) is_invited_shown: bool,
    /// Who of Poggio's users is to have another name: the id.
    #[serde(default)]
    pub(crate) renamed: Option<String>,
}

/// What is shown of one product.
#[derive(Debug)]
pub(crate) struct Section {
    title: &'static str,
    told: &'static str,
    tables: Vec<Table>,
}

impl Section {
    pub(crate) fn new(title: &'static str, told: &'static str, tables: Vec<Table>) -> Self {
        Self { title, told, tables }
    }
}

/// What is told where there are no rows.
const NOTHING: &str = "Nobody and nothing yet.";

/// Some rows under a title.
#[derive(Debug)]
pub(crate) struct Table {
    title: String,
    columns: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
    link: Option<(String, String)>,
    nothing: String,
}

impl Table {
    pub(crate) fn new(title: &str, columns: &[&'static str]) -> Self {
        Self {
            title: title.to_owned(),
            columns: columns.to_vec(),
            rows: Vec::new(),
            link: None,
            nothing: NOTHING.to_owned(),
        }
    }

    /// What stands in the place of rows where there are none.
    pub(crate) fn nothing(mut self, told: String) -> Self {
        self.nothing = told;
        self
    }

    pub(crate) fn rows(mut self, rows: impl Iterator<Item = Vec<Cell>>) -> Self {
        self.rows = rows.collect();
        self
    }

    /// Something to look at beside it: what it says, and where it leads.
    pub(crate) fn link(mut self, link: (String, String)) -> Self {
        self.link = Some(link);
        self
    }
}

/// What stands in a place of a table. Whatever was sent by somebody is text.
#[derive(Debug)]
pub(crate) enum Cell {
    Text(String),
    /// A word for where somebody stands.
    Badge(String),
    /// What it says, and what is posted.
    Button(String, String),
    /// What it says, and where it leads.
    Link(String, String),
    /// A button with a field to type into: what it says, what is posted, what stands in the field at first.
    Field(String, String, String),
}

impl Cell {
    pub(crate) fn text(text: String) -> Self {
        Self::Text(text)
    }

    pub(crate) fn badge(word: String) -> Self {
        Self::Badge(word)
    }

    pub(crate) fn button(label: &str, path: String) -> Self {
        Self::Button(label.to_owned(), path)
    }

    pub(crate) fn link(label: &str, path: String) -> Self {
        Self::Link(label.to_owned(), path)
    }

    pub(crate) fn field(label: &str, path: String, text: String) -> Self {
        Self::Field(label.to_owned(), path, text)
    }
}

/// Who may ask: somebody on this machine, and no other site in a browser of theirs.
pub(crate) async fn guard(request: Request, next: Next) -> Response {
    if is_from_here(request.method(), request.headers()) {
        return next.run(request).await;
    }
    StatusCode::FORBIDDEN.into_response()
}

/// Nobody is somebody here by a key: one that is sent was meant for another place, and opens nothing.
pub(crate) async fn without_key(request: Request, next: Next) -> Response {
    if request.headers().contains_key(header::AUTHORIZATION) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    next.run(request).await
}

fn is_from_here(method: &Method, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // Another name for this machine is what another site's script would use.
    let host = text("host").unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_own = method == Method::GET || text("sec-fetch-site").is_none_or(|site| site == "same-origin");
    let origin = text("origin").is_none_or(|origin| origin == format!("http://{host}"));
    ["127.0.0.1", "localhost"].contains(&name) && is_own && (method == Method::GET || origin)
}

/// `GET /`
pub(crate) async fn show(State(shared): State<Arc<Shared>>, Query(view): Query<View>) -> Response {
    let view = View { is_invited_shown: view.invited.is_some(), ..view };
    let sections = shared.database.change(|transaction| {
        Product::ALL.into_iter().map(|product| Ok((product, product.section(transaction, &view)?))).collect()
    });
    let sections: Vec<(Product, Section)> = match sections {
        Ok(sections) => sections,
        Err(_) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
    };
    let notice = shared.notice.lock().unwrap_or_else(PoisonError::into_inner).take();
    with_headers(Html(render(&sections, notice.as_deref(), view.renamed.is_some())))
}

/// A page that runs no scripts, is in no frame, and is kept by nobody.
pub(crate) fn with_headers(page: Html<String>) -> Response {
    let policy = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    ([(header::CONTENT_SECURITY_POLICY, policy), (header::CACHE_CONTROL, "no-store")], page).into_response()
}

/// `GET /style.css`
pub(crate) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("style.css")).into_response()
}

/// `POST /{product}/{id}/{what}`: a button.
pub(crate) async fn click(
    State(shared): State<Arc<Shared>>,
    Path((product, id, what)): Path<(String, String, String)>,
    body: Bytes,
) -> Response {
    // A button alone sends nothing.
    let typed = form_urlencoded::parse(&body).find(|(name, _)| name == "text");
    let typed = typed.map_or_else(String::new, |(_, text)| text.into_owned());
    let Some(product) = Product::named(&product) else { return StatusCode::NOT_FOUND.into_response() };
    // Ids come from Muster, and become a part of a path there.
    if !id.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-') {
        return StatusCode::NOT_FOUND.into_response();
    }
    match shared.database.change(|transaction| product.clicked(transaction, &id, &what, &typed)) {
        Ok(None) => return StatusCode::NOT_FOUND.into_response(),
        Ok(Some(Clicked::Here)) => {}
        Ok(Some(Clicked::Signal(name, payload))) => {
            let said = muster::signal(&shared, &Signal { product, id: &id, name, payload }).await;
            shared.note(said);
        }
        Err(_) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
    Redirect::to(&format!("/?invited=1#{}", product.name())).into_response()
}

fn render(sections: &[(Product, Section)], notice: Option<&str>, is_typed_into: bool) -> String {
    let mut page = String::from("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">");
    // Whoever types is not to lose it.
    if !is_typed_into {
        page.push_str("<meta http-equiv=\"refresh\" content=\"5\">");
    }
    page.push_str(
        "<meta name=\"viewport\" content=\"width=device-width\"><title>Five products</title>\
         <link rel=\"stylesheet\" href=\"/style.css\"><header><h1>Five products</h1>\
         <p>What provisioning has done to each.</p><nav>",
    );
    for (product, section) in sections {
        let _ = write!(page, "<a href=\"#{}\">{}</a> ", product.name(), section.title);
    }
    page.push_str("</nav></header><main>");
    if let Some(notice) = notice {
        let _ = write!(page, "<p class=\"notice\">{}</p>", escape(notice));
    }
    for (product, section) in sections {
        let (id, title, told) = (product.name(), section.title, section.told);
        let _ = write!(
            page,
            "<section id=\"{id}\"><h2>{title}</h2><p>{told} {}</p><div class=\"tables\">",
            desks(*product)
        );
        for table in &section.tables {
            render_table(&mut page, table);
        }
        page.push_str("</div></section>");
    }
    page.push_str("</main></html>");
    page
}

/// Where its keys are made.
fn desks(product: Product) -> String {
    let name = product.name();
    let settings = format!("<a href=\"/settings/{name}\">SCIM keys</a>");
    match settings::support_of(product) {
        Some(path) => format!("{settings} · <a href=\"{path}\">Support</a>"),
        None => settings,
    }
}

pub(crate) fn render_table(page: &mut String, table: &Table) {
    let _ = write!(page, "<article><h3>{} <small>{}</small></h3>", escape(&table.title), table.rows.len());
    if let Some((label, path)) = &table.link {
        let _ = write!(page, "<p><a href=\"{}\">{}</a></p>", escape(path), escape(label));
    }
    if table.rows.is_empty() {
        let _ = write!(page, "<p class=\"none\">{}</p></article>", escape(&table.nothing));
        return;
    }
    page.push_str("<table><thead><tr>");
    for column in &table.columns {
        let _ = write!(page, "<th>{}</th>", escape(column));
    }
    page.push_str("</tr></thead><tbody>");
    for row in &table.rows {
        page.push_str("<tr>");
        for cell in row {
            let _ = match cell {
                Cell::Text(text) => write!(page, "<td>{}</td>", escape(text)),
                Cell::Badge(word) => write!(page, "<td><span class=\"badge\">{}</span></td>", escape(word)),
                Cell::Button(label, path) => write!(
                    page,
                    "<td><form method=\"post\" action=\"{}\"><button>{}</button></form></td>",
                    escape(path),
                    escape(label)
                ),
                Cell::Link(label, path) => write!(page, "<td><a href=\"{}\">{}</a></td>", escape(path), escape(label)),
                Cell::Field(label, path, text) => write!(
                    page,
                    "<td><form method=\"post\" action=\"{}\"><input name=\"text\" value=\"{}\" maxlength=\"256\" \
                     aria-label=\"{2}\" required autofocus><button>{2}</button></form></td>",
                    escape(path),
                    escape(text),
                    escape(label)
                ),
            };
        }
        page.push_str("</tr>");
    }
    page.push_str("</tbody></table></article>");
}

pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_was_sent_is_text_on_the_page() {
        let name = "<script>\"x\" & 'y'</script>".to_owned();
        let bad = || "/\"".to_owned();
        let (button, link) = (Cell::button(&name, bad()), Cell::link(&name, bad()));
        let field = Cell::field(&name, bad(), name.clone());
        let row = vec![Cell::text(name.clone()), Cell::badge(name.clone()), button, link, field];
        let table = Table::new("T", &["name"]).rows([row].into_iter());
        let page = render(&[(Product::Popl, Section::new("Popl", "", vec![table]))], Some(&name), false);
        assert!(!page.contains("<script>") && !page.contains("\"/\"\""), "{page}");
        assert_eq!(page.matches("&lt;script&gt;&quot;x&quot; &amp; &#39;y&#39;&lt;/script&gt;").count(), 8);
    }

    #[test]
    fn other_sites_are_not_answered() {
        let asks = |method: Method, headers: &[(&'static str, &str)]| {
            let headers =
                headers.iter().map(|(name, value)| (header::HeaderName::from_static(name), value.parse().unwrap()));
            is_from_here(&method, &headers.collect())
        };
        assert!(asks(Method::GET, &[("host", "127.0.0.1:7690")]));
        assert!(
            asks(Method::GET, &[("host", "localhost:7690"), ("sec-fetch-site", "cross-site")]),
            "a link leads here"
        );
        assert!(!asks(Method::GET, &[("host", "evil.example:7690")]), "a name that leads to this machine");
        assert!(!asks(Method::GET, &[]));
        let here = ("host", "127.0.0.1:7690");
        assert!(asks(Method::POST, &[here, ("origin", "http://127.0.0.1:7690"), ("sec-fetch-site", "same-origin")]));
        assert!(asks(Method::POST, &[here]), "no browser");
        assert!(!asks(Method::POST, &[here, ("sec-fetch-site", "cross-site")]));
        assert!(!asks(Method::POST, &[here, ("origin", "http://evil.example")]));
    }
}
