//! Lines for a shell as commands and their words. Nothing is evaluated: a variable stays a [`Piece`] of its word, and
//! what only running the commands could tell (`$(…)`, `$1`) stays as it was written.
//!
//! It reads more than a shell does: the expressions of GitHub (`${{ … }}`) and of CircleCI (`<< parameters.… >>`)
//! stand in such lines too. It reads less in all that does not matter here, such as arithmetic.

/// The text of some commands, and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    pub text: &'a str,
    /// The line of the file where it begins.
    pub line: usize,
    /// Whether its lines are those of the file.
    pub is_literal: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    Variable {
        name: String,
        written: String,
    },
    /// Known only when it runs. The name is that of a secret or variable of the CI vendor, or empty.
    Outside {
        name: String,
        written: String,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    pub pieces: Vec<Piece>,
    pub is_quoted: bool,
}

/// What stands between a command and the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum After {
    #[default]
    End,
    And,
    Or,
    Pipe,
    /// An opening parenthesis.
    Open,
    Close,
    /// `;;` in a `case`.
    Arm,
}

#[derive(Clone, Debug, Default)]
pub struct Command {
    pub line: usize,
    pub words: Vec<Word>,
    /// The file that its output goes to.
    pub output: Option<Word>,
    /// Its here-document.
    pub input: Option<Word>,
    pub after: After,
}

impl Word {
    /// The text of a word without variables.
    pub fn plain(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// What it looks like in the file, without quotes.
    pub fn written(&self) -> String {
        let written = self.pieces.iter().map(|piece| match piece {
            Piece::Text(text) => text.as_str(),
            Piece::Variable { written, .. } | Piece::Outside { written, .. } => written,
        });
        written.collect()
    }

    fn push(&mut self, c: char) {
        match self.pieces.last_mut() {
            Some(Piece::Text(text)) => text.push(c),
            _ => self.pieces.push(Piece::Text(c.to_string())),
        }
    }
}

/// The commands of a text.
pub fn commands(source: Source<'_>) -> Vec<Command> {
    let mut lexer = Lexer::new(source);
    lexer.run();
    lexer.done
}

/// A text that is one word, as between double quotes.
pub fn word(text: &str) -> Word {
    let mut lexer = Lexer::new(Source { text, line: 1, is_literal: false });
    let mut word = Word { is_quoted: true, ..Word::default() };
    while let Some(c) = lexer.next() {
        match c {
            '$' => lexer.dollar(&mut word),
            '<' => match lexer.expression() {
                Some(piece) => word.pieces.push(piece),
                None => word.push('<'),
            },
            _ => word.push(c),
        }
    }
    word
}

const LONGEST_EXPRESSION: usize = 200;

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    is_literal: bool,
    done: Vec<Command>,
    command: Command,
    word: Option<Word>,
    /// Where the word goes.
    target: Target,
    /// Here-documents that begin after this line: the command's index, the delimiter, whether tabs are stripped.
    here: Vec<(usize, String, bool)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    Words,
    Output,
    Dropped,
    Here { strips_tabs: bool },
}

impl Lexer {
    fn new(source: Source<'_>) -> Self {
        Lexer {
            chars: source.text.chars().collect(),
            at: 0,
            line: source.line,
            is_literal: source.is_literal,
            done: Vec::new(),
            command: Command { line: source.line, ..Command::default() },
            word: None,
            target: Target::Words,
            here: Vec::new(),
        }
    }

    fn run(&mut self) {
        while let Some(c) = self.next() {
            match c {
                '\\' => match self.next() {
                    Some('\n') | None => {}
                    Some('\r') if self.peek() == Some('\n') => _ = self.next(),
                    Some(c) => self.word().push(c),
                },
                '\n' => {
                    self.end_command(After::End);
                    self.here_documents();
                }
                ' ' | '\t' | '\r' => self.end_word(),
                ';' if self.takes(';') => self.end_command(After::Arm),
                ';' => self.end_command(After::End),
                '&' if self.takes('&') => self.end_command(After::And),
                '&' if self.takes('>') => self.redirect(Target::Dropped),
                '&' => self.end_command(After::End),
                '|' if self.takes('|') => self.end_command(After::Or),
                '|' => {
                    self.takes('&');
                    self.end_command(After::Pipe);
                }
                '(' => self.end_command(After::Open),
                ')' => self.end_command(After::Close),
                '#' if self.word.is_none() => self.skip_line(),
                '>' => self.output(),
                _ => self.part(c),
            }
        }
        self.end_command(After::End);
    }

    /// What belongs to a word.
    fn part(&mut self, c: char) {
        let mut word = self.word.take().unwrap_or_default();
        match c {
            '\'' => {
                word.is_quoted = true;
                while let Some(c) = self.next().filter(|c| *c != '\'') {
                    word.push(c);
                }
            }
            '"' => self.double_quoted(&mut word),
            '$' => self.dollar(&mut word),
            '`' => {
                let inside = self.until('`');
                word.pieces.push(outside("", format!("`{inside}`")));
            }
            '<' => match self.expression() {
                Some(piece) => word.pieces.push(piece),
                None => return self.input(word),
            },
            _ => word.push(c),
        }
        self.word = Some(word);
    }

    fn double_quoted(&mut self, word: &mut Word) {
        word.is_quoted = true;
        while let Some(c) = self.next() {
            match c {
                '"' => break,
                '\\' => match self.next() {
                    Some(c @ ('"' | '\\' | '$' | '`')) => word.push(c),
                    Some('\n') | None => {}
                    Some(c) => {
                        word.push('\\');
                        word.push(c);
                    }
                },
                '$' => self.dollar(word),
                '<' => match self.expression() {
                    Some(piece) => word.pieces.push(piece),
                    None => word.push('<'),
                },
                '`' => {
                    let inside = self.until('`');
                    word.pieces.push(outside("", format!("`{inside}`")));
                }
                _ => word.push(c),
            }
        }
    }

    /// After a dollar.
    fn dollar(&mut self, word: &mut Word) {
        match self.peek() {
            Some('(') => {
                let inside = self.nested('(', ')');
                word.pieces.push(outside("", format!("${inside}")));
            }
            Some('{') => {
                let inside = self.nested('{', '}');
                word.pieces.push(braces(&inside));
            }
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                let mut name = String::new();
                while let Some(c) = self.peek().filter(|c| is_of_name(*c)) {
                    name.push(c);
                    self.next();
                }
                let written = format!("${name}");
                word.pieces.push(Piece::Variable { name, written });
            }
            Some(c) if c.is_ascii_digit() || "@*#?!$-".contains(c) => {
                self.next();
                word.pieces.push(outside("", format!("${c}")));
            }
            _ => word.push('$'),
        }
    }

    /// After a `<` that may begin `<< parameters.… >>`, which is then taken:
    /// https://circleci.com/docs/reference/configuration-reference/
    fn expression(&mut self) -> Option<Piece> {
        let next = self.chars[self.at..].iter().find(|c| !matches!(c, '<' | ' '))?;
        (self.peek() == Some('<') && "pm".contains(*next)).then_some(())?;
        let ahead = self.chars[self.at..].iter().take(LONGEST_EXPRESSION).collect::<String>();
        let (inside, _) = ahead.strip_prefix('<')?.split_once(">>")?;
        let name = inside.trim();
        let kinds = ["parameters.", "pipeline.", "matrix."];
        kinds.iter().any(|kind| name.starts_with(kind)).then_some(())?;
        self.at += 1 + inside.chars().count() + 2;
        let written = format!("<< {name} >>");
        let name = if name == "pipeline.git.branch" { "CIRCLE_BRANCH" } else { name };
        Some(Piece::Variable { name: name.to_owned(), written })
    }

    /// After a `<` that redirects.
    fn input(&mut self, before: Word) {
        if !before.pieces.is_empty() {
            self.word = Some(before);
        }
        let target = match (self.takes('<'), self.takes('<')) {
            (true, false) => Target::Here { strips_tabs: self.takes('-') },
            _ => Target::Dropped,
        };
        if self.peek() == Some('(') {
            self.nested('(', ')');
        } else {
            self.redirect(target);
        }
    }

    fn output(&mut self) {
        self.takes('>');
        self.takes('|');
        if self.word.as_ref().and_then(Word::plain).is_some_and(|word| word.parse::<u8>().is_ok()) {
            // It is the number of a stream.
            self.word = None;
        }
        if self.takes('&') {
            self.end_word();
            self.target = Target::Dropped;
        } else {
            self.redirect(Target::Output);
        }
    }

    fn redirect(&mut self, target: Target) {
        self.end_word();
        self.target = target;
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        match std::mem::replace(&mut self.target, Target::Words) {
            Target::Words => self.command.words.push(word),
            Target::Output => self.command.output = Some(word),
            Target::Dropped => {}
            Target::Here { strips_tabs } => {
                self.here.push((self.done.len(), word.written(), strips_tabs));
            }
        }
    }

    fn end_command(&mut self, after: After) {
        self.end_word();
        self.target = Target::Words;
        self.command.after = after;
        let next = Command { line: self.line, ..Command::default() };
        let command = std::mem::replace(&mut self.command, next);
        let is_nothing = command.words.is_empty() && after == After::End;
        if !is_nothing || self.here.iter().any(|(at, ..)| *at == self.done.len()) {
            self.done.push(command);
        }
    }

    fn here_documents(&mut self) {
        for (command, delimiter, strips_tabs) in std::mem::take(&mut self.here) {
            let mut text = String::new();
            while self.peek().is_some() {
                let line = self.until('\n');
                let line = if strips_tabs { line.trim_start_matches('\t') } else { &line };
                if line.trim_end_matches('\r') == delimiter {
                    break;
                }
                text.push_str(line);
                text.push('\n');
            }
            if let Some(command) = self.done.get_mut(command) {
                command.input = Some(word(&text));
            }
        }
        self.command.line = self.line;
    }

    fn skip_line(&mut self) {
        while self.peek().is_some_and(|c| c != '\n') {
            self.next();
        }
    }

    /// What is between two brackets, with them. Brackets in quotes do not count.
    fn nested(&mut self, open: char, close: char) -> String {
        let (mut text, mut depth, mut quote) = (String::new(), 0, None);
        while let Some(c) = self.next() {
            text.push(c);
            match quote {
                Some(end) if c == end => quote = None,
                Some(_) => {}
                None if c == '\'' || c == '"' => quote = Some(c),
                None if c == open => depth += 1,
                None if c == close => depth -= 1,
                None => {}
            }
            if depth == 0 {
                break;
            }
        }
        text
    }

    /// What is before the next such character, which is taken too.
    fn until(&mut self, end: char) -> String {
        let mut text = String::new();
        while let Some(c) = self.next().filter(|c| *c != end) {
            text.push(c);
        }
        text
    }

    fn word(&mut self) -> &mut Word {
        self.word.get_or_insert_default()
    }

    fn takes(&mut self, wanted: char) -> bool {
        let is_next = self.peek() == Some(wanted);
        if is_next {
            self.next();
        }
        is_next
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        if c == '\n' && self.is_literal {
            self.line += 1;
        }
        if self.command.words.is_empty() && self.word.is_none() {
            self.command.line = self.line;
        }
        Some(c)
    }
}

/// `${NAME}`, with or without a default, and `${{ expression }}`. The text has its outer braces.
fn braces(text: &str) -> Piece {
    let written = format!("${text}");
    let inside = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
    if let Some(expression) = inside.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
        return of_github(expression.trim(), written);
    }
    let name: String = inside.chars().take_while(|c| is_of_name(*c)).collect();
    let rest = &inside[name.len()..];
    let has_default = ["", "-", ":-", "=", ":=", "?", ":?"]
        .iter()
        .any(|operator| rest == *operator || (!operator.is_empty() && rest.starts_with(operator)));
    match has_default && !name.is_empty() {
        true => Piece::Variable { name, written },
        false => outside("", written),
    }
}

/// https://docs.github.com/actions/reference/workflows-and-actions/contexts
fn of_github(expression: &str, written: String) -> Piece {
    let variable = |name: &str| Piece::Variable { name: name.to_owned(), written: written.clone() };
    match expression.split_once('.') {
        _ if expression == "github.ref_name" => variable("GITHUB_REF_NAME"),
        _ if expression == "github.ref" => variable("GITHUB_REF"),
        _ if expression == "github.workspace" => variable("GITHUB_WORKSPACE"),
        Some(("env", name)) if name.chars().all(is_of_name) => variable(name),
        Some(("secrets" | "vars", name)) if name.chars().all(is_of_name) => outside(name, written),
        _ => outside("", written),
    }
}

fn outside(name: &str, written: String) -> Piece {
    Piece::Outside { name: name.to_owned(), written }
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
