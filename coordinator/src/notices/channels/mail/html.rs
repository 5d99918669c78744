//! The letter as a page: what it says comes first, on a phone too, and by night it is dark.
//!
//! Mail programs differ. Colours stand with each element, for those that read no sheet; the sheet changes them for the dark, and for narrow
//! screens. Nothing is fetched, nothing runs, and the frame is made of tables, which is what the oldest of them understand.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::letter::PICTURE;
use super::text::{colophon, is_numeric};
use crate::notices::{Message, Mood, Table};

const SHEET: &str = include_str!("letter.css");
const FONT: &str = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
const GROUND: &str = "#f6f7f9";
const CARD: &str = "#ffffff";
const INK: &str = "#1b2230";
const SOFT: &str = "#5a6475";
const LINE: &str = "#d9dee7";
const ACCENT: &str = "#2457d6";
const GOOD: &str = "#1d6b3a";
const BAD: &str = "#b3261e";
/// A letter is read at this width at most.
const WIDTH: u32 = 640;

/// `picture`: how wide the picture beside it is, where there is one.
pub fn html(message: &Message, picture: Option<u32>) -> String {
    let (mood, class) = match message.mood {
        Mood::Good => (GOOD, "good"),
        Mood::Trouble => (BAD, "bad"),
    };
    let body =
        format!("margin:0;padding:0;background:{GROUND};color:{INK};font-family:{FONT};font-size:16px;line-height:1.5");
    let card = format!(
        "width:100%;max-width:{WIDTH}px;background:{CARD};border:1px solid {LINE};border-top:4px solid {mood};border-radius:8px;border-collapse:separate"
    );
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="supported-color-schemes" content="light dark";
                title { (message.title) }
                style { (PreEscaped(SHEET)) }
            }
            body.ground style=(body) {
                @if let Some(first) = message.lines.first() {
                    // What mail programs show beside the subject.
                    div style="display:none;max-height:0;overflow:hidden" { (first) }
                }
                table.ground role="presentation" width="100%" cellpadding="0" cellspacing="0" style=(format!("background:{GROUND}")) {
                    tr {
                        td.around align="center" style="padding:24px 12px" {
                            table class=(format!("card {class}")) role="presentation" cellpadding="0" cellspacing="0" style=(card) {
                                tr { td.inside align="left" style="padding:24px" { (inside(message, picture)) } }
                            }
                        }
                    }
                }
            }
        }
    };
    folded(page.into_string())
}

fn inside(message: &Message, picture: Option<u32>) -> Markup {
    let button = format!(
        "display:inline-block;padding:10px 18px;background:{ACCENT};color:#ffffff;border-radius:8px;font-weight:600;text-decoration:none"
    );
    html! {
        h1 style=(format!("margin:0 0 12px;font-size:21px;line-height:1.3;font-weight:650;color:{INK};overflow-wrap:anywhere")) {
            (message.title)
        }
        @for line in &message.lines {
            p style="margin:0 0 8px;overflow-wrap:anywhere" { (spoken(line)) }
        }
        @if let Some(table) = &message.table { (rows(table)) }
        @if let Some(width) = picture {
            div.plot style="margin:16px 0 0;padding:8px;background:#ffffff;border-radius:6px" {
                img src=(format!("cid:{PICTURE}")) width=(width.min(WIDTH - 66)) alt="The Pareto front, as a plot"
                    style="display:block;width:100%;height:auto;border:0";
            }
        }
        @if let Some(link) = &message.link {
            p style="margin:20px 0 0" { a.button href=(link) style=(button) { "Open the page" } }
            p.soft style=(format!("margin:8px 0 0;font-size:14px;color:{SOFT};overflow-wrap:anywhere")) { (link) }
        }
        p.soft.foot style=(format!("margin:20px 0 0;padding:12px 0 0;border-top:1px solid {LINE};font-size:13px;color:{SOFT};overflow-wrap:anywhere")) {
            (colophon(message))
        }
    }
}

/// What stands between backticks is typed into a terminal.
fn spoken(line: &str) -> Markup {
    let parts: Vec<&str> = line.split('`').collect();
    let paired = parts.len() % 2 == 1;
    html! {
        @if paired {
            @for (at, part) in parts.iter().enumerate() {
                @if at % 2 == 1 {
                    code.code style=(format!("padding:1px 4px;background:{GROUND};border-radius:4px;font-size:14px")) { (part) }
                } @else { (part) }
            }
        } @else { (line) }
    }
}

fn rows(table: &Table) -> Markup {
    let columns = table.rows.iter().map(Vec::len).chain([table.head.len()]).max().unwrap_or(0);
    let align = |column| if is_numeric(table, column) { "right" } else { "left" };
    let cell = |column: usize, weight: &str| {
        let gap = if column + 1 == columns { 0 } else { 12 };
        let wrap = if is_numeric(table, column) { "white-space:nowrap" } else { "overflow-wrap:anywhere" };
        format!(
            "padding:6px {gap}px 6px 0;border-bottom:1px solid {LINE};text-align:{};vertical-align:top;{weight}{wrap}",
            align(column)
        )
    };
    html! {
        div style="margin:16px 0 0;overflow-x:auto" {
            table.rows width="100%" cellpadding="0" cellspacing="0" style="border-collapse:collapse;font-size:14px;line-height:1.4" {
                thead {
                    tr {
                        @for column in 0..columns {
                            th.cell.soft scope="col" align=(align(column)) style=(cell(column, &format!("font-weight:600;color:{SOFT};"))) {
                                (table.head.get(column).map_or("", String::as_str))
                            }
                        }
                    }
                }
                tbody {
                    @for row in &table.rows {
                        tr {
                            @for column in 0..columns {
                                td.cell align=(align(column)) style=(cell(column, "font-variant-numeric:tabular-nums;")) {
                                    (row.get(column).map_or("", String::as_str))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A page is one long line, and servers refuse lines of more than 998 bytes where nobody folds them; ends of elements make good ends of lines.
fn folded(page: String) -> String {
    page.replace("</tr>", "</tr>\n").replace("</p>", "</p>\n").replace("<table", "\n<table").replace("<meta", "\n<meta")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_typed_stands_out_and_a_lone_backtick_stays() {
        let said = |line: &str| spoken(line).into_string();
        let typed = said("Then: `sweep retry s3`, or `sweep explain <j>`.");
        assert!(
            typed.contains(">sweep retry s3</code>, or <code") && typed.contains(">sweep explain &lt;j&gt;</code>."),
            "{typed}"
        );
        assert_eq!(said("it's a `"), "it's a `");
    }

    #[test]
    fn what_is_told_is_text_whatever_it_looks_like() {
        let evil = "<script>alert(1)</script>\"'&";
        let message = Message {
            title: evil.to_owned(),
            lines: vec![evil.to_owned()],
            table: Some(Table { head: vec![evil.to_owned()], rows: vec![vec![evil.to_owned()]] }),
            link: Some("https://desk/\"><script>".to_owned()),
            ..Message::default()
        };
        let page = html(&message, Some(600));
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        for fetching in ["src=\"http", "url(", "@import", "<link"] {
            assert!(!page.contains(fetching), "{fetching}");
        }
    }
}
