//! Texts that users have chosen, such as labels and names of files, in Markdown and YAML.

/// As Markdown that shows `text` and does nothing else, on one line; also within a table.
pub(super) fn plain(text: &str) -> String {
    let mut shown = String::new();
    for c in one_line(text).chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '&' | '$' | '!' | '@') {
            shown.push('\\');
        }
        shown.push(c);
    }
    if shown.is_empty() { "(empty)".to_owned() } else { shown }
}

/// As Markdown's code; also within a table, where a vertical bar would end the cell.
pub(super) fn code(text: &str) -> String {
    let text = one_line(text).replace('|', "\\|");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    // A backtick or a blank at an end needs one more blank there, which does not show.
    let blank = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) { " " } else { "" };
    if text.is_empty() { "(empty)".to_owned() } else { format!("{fence}{blank}{text}{blank}{fence}") }
}

/// As YAML: a JSON string, in which what YAML calls not printable is escaped.
pub(super) fn yaml(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    let printable =
        |c: char| matches!(c, ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}') || c as u32 > 0xffff;
    json.chars().map(|c| if printable(c) { c.to_string() } else { format!("\\u{:04x}", c as u32) }).collect()
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c }).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_call_things_does_nothing() {
        let shown: Vec<String> = ["so | so", "a_b *c*", "<img src=x>", "line\nbreak", "", " [x](y) ", "`x`", "C:\\data"]
            .iter()
            .map(|text| plain(text))
            .collect();
        insta::assert_snapshot!(shown.join("\n"), @r"
        so \| so
        a\_b \*c\*
        \<img src=x\>
        line break
        (empty)
        \[x\](y)
        \`x\`
        C:\\data
        ");
        assert_eq!([code("a|b"), code("`"), code("a``b"), code("")], ["`a\\|b`", "`` ` ``", "```a``b```", "(empty)"]);
    }

    #[test]
    fn yaml_has_no_character_that_is_not_printable() {
        assert_eq!(yaml("a\"b\\c\nd: #e"), r#""a\"b\\c\nd: #e""#);
        assert_eq!(yaml("\u{7f}\u{85}\u{2028}\u{feff}é😀"), r#""\u007f\u0085\u2028\ufeffé😀""#);
    }
}
