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
    /// Who is to have another name: the id.
    #[serde(default)]
    pub(crate) renamed: Option<String>,
    /// Whether somebody is to be made by hand.
    #[serde(default)]
    pub(crate) added: Option<String>,
}

impl View {
    /// Where the page is, at a product, with something more asked for (`renamed=7`) or nothing: whether the invited are shown stays as it is.
    pub(crate) fn at(&self, product: Product, more: &str) -> String {
        let invited = if self.is_invited_shown { "invited=1" } else { "" };
        let and = if invited.is_empty() || more.is_empty() { "" } else { "&" };
        let mark = if invited.is_empty() && more.is_empty() { "" } else { "?" };
        format!("/{mark}{invited}{and}{more}#{}", product.name())
    }

    /// Where a button leads, which leads back to the same view.
    fn posted(&self, path: &str) -> String {
        if self.is_invited_shown { format!("{path}?invited=1") } else { path.to_owned() }
    }
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
    is_counted: bool,
}

impl Table {
    pub(crate) fn new(title: &str, columns: &[&'static str]) -> Self {
        Self {
            title: title.to_owned(),
            columns: columns.to_vec(),
            rows: Vec::new(),
            link: None,
            nothing: NOTHING.to_owned(),
            is_counted: true,
        }
    }

    /// How many rows there are says nothing.
    pub(crate) fn uncounted(mut self) -> Self {
        self.is_counted = false;
        self
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
    // The only script is [`again`].
    under("script-src 'self'; ", Html(render(&sections, notice.as_deref(), &view)))
}

/// A page that runs no scripts, is in no frame, and is kept by nobody.
pub(crate) fn with_headers(page: Html<String>) -> Response {
    under("", page)
}

fn under(scripts: &str, page: Html<String>) -> Response {
    let rest = "style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    let policy = format!("default-src 'none'; {scripts}{rest}");
    ([(header::CONTENT_SECURITY_POLICY, policy), (header::CACHE_CONTROL, "no-store".to_owned())], page).into_response()
}

/// `GET /style.css`
pub(crate) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("style.css")).into_response()
}

/// `GET /again.js`: looks again, at the same place. A page cannot say that by itself: where its URL ends with a `#place`, as it does behind
/// each button, a refresh leads to that place of what is there already.
pub(crate) async fn again() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("again.js")).into_response()
}

/// `POST /{product}/{id}/{what}`: a button.
pub(crate) async fn click(
    State(shared): State<Arc<Shared>>,
    Path((product, id, what)): Path<(String, String, String)>,
    Query(view): Query<View>,
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
        Ok(Some(Clicked::ByHand(what))) => {
            let said = muster::by_hand(&shared, product, &id, &what).await;
            shared.note(said);
        }
        Err(_) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
    let view = View { is_invited_shown: view.invited.is_some(), ..View::default() };
    Redirect::to(&view.at(product, "")).into_response()
}

fn render(sections: &[(Product, Section)], notice: Option<&str>, view: &View) -> String {
    let mut page = String::from("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">");
    // Whoever types is not to lose it.
    if view.renamed.is_none() && view.added.is_none() {
        page.push_str("<script src=\"/again.js\" defer></script>");
        page.push_str("<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>");
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
        let _ = write!(page, "<p class=\"notice said\" role=\"status\">{}</p>", escape(notice));
    }
    for (product, section) in sections {
        let (id, title, told) = (product.name(), section.title, section.told);
        let _ = write!(
            page,
            "<section id=\"{id}\"><h2>{title}</h2><p>{told} {}</p><div class=\"tables\">",
            desks(*product)
        );
        for table in &section.tables {
            render_table_in(&mut page, table, view);
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

/// A table that stands by itself.
pub(crate) fn render_table(page: &mut String, table: &Table) {
    render_table_in(page, table, &View::default());
}

fn render_table_in(page: &mut String, table: &Table, view: &View) {
    let _ = write!(page, "<article><h3>{}", escape(&table.title));
    if table.is_counted {
        let _ = write!(page, " <small>{}</small>", table.rows.len());
    }
    page.push_str("</h3>");
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
                    escape(&view.posted(path)),
                    escape(label)
                ),
                Cell::Link(label, path) => write!(page, "<td><a href=\"{}\">{}</a></td>", escape(path), escape(label)),
                Cell::Field(label, path, text) => write!(
                    page,
                    "<td><form method=\"post\" action=\"{}\"><input name=\"text\" value=\"{}\" maxlength=\"256\" \
                     aria-label=\"{2}\" required autofocus><button>{2}</button></form></td>",
                    escape(&view.posted(path)),
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
        let page = render(&[(Product::Popl, Section::new("Popl", "", vec![table]))], Some(&name), &View::default());
        assert!(!page.contains("<script>") && !page.contains("\"/\"\""), "{page}");
        assert_eq!(page.matches("&lt;script&gt;&quot;x&quot; &amp; &#39;y&#39;&lt;/script&gt;").count(), 8);
    }

    #[test]
    fn a_button_leads_back_to_the_same_view_and_a_form_is_not_taken_away() {
        let (plain, invited) = (View::default(), View { is_invited_shown: true, ..View::default() });
        assert_eq!([plain.at(Product::Popl, ""), plain.at(Product::Popl, "added=1")], ["/#popl", "/?added=1#popl"]);
        let of_invited = [invited.at(Product::Popl, ""), invited.at(Product::Popl, "added=1")];
        assert_eq!(of_invited, ["/?invited=1#popl", "/?invited=1&added=1#popl"]);
        let shown = |view: &View| {
            let table = Table::new("T", &[""]).rows([vec![Cell::button("b", "/popl/7/b".to_owned())]].into_iter());
            render(&[(Product::Popl, Section::new("Popl", "", vec![table]))], None, view)
        };
        assert!(shown(&plain).contains("action=\"/popl/7/b\"") && shown(&plain).contains("again.js"));
        assert!(shown(&invited).contains("action=\"/popl/7/b?invited=1\""));
        let typed = shown(&View { added: Some(String::new()), ..View::default() });
        assert!(!typed.contains("again.js") && !typed.contains("refresh"), "{typed}");
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
