//! Where the demo shows itself: the whole screen of a terminal, redrawn in place, or plain lines for a pipe.

use super::board::{self, Look};
use std::io::{self, IsTerminal, Write};

/// To the other screen; no cursor, no wrapping.
const OPEN: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l";
/// Back.
const CLOSE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";
/// A plain line for so many looks.
const LOOKS_A_LINE: u32 = 10;

/// Standard output, as the demo uses it. Dropping it gives the terminal back.
pub(super) struct Screen<'a> {
    out: &'a mut dyn Write,
    terminal: bool,
    looks: u32,
}

impl<'a> Screen<'a> {
    /// Takes the terminal, if there is one.
    ///
    /// # Errors
    /// Whoever reads the output went away.
    pub(super) fn open(out: &'a mut dyn Write) -> io::Result<Screen<'a>> {
        let terminal = io::stdout().is_terminal();
        if terminal {
            out.write_all(OPEN.as_bytes())?;
        }
        Ok(Screen { out, terminal, looks: 0 })
    }

    /// Says once how to take part; on a terminal the board does.
    ///
    /// # Errors
    /// As [`Screen::open`].
    pub(super) fn hints(&mut self, hints: &[String]) -> io::Result<()> {
        if !self.terminal {
            hints.iter().try_for_each(|line| writeln!(self.out, "{line}"))?;
        }
        self.out.flush()
    }

    /// Shows how things are.
    ///
    /// # Errors
    /// As [`Screen::open`].
    pub(super) fn show(&mut self, look: &Look, hints: &[String]) -> io::Result<()> {
        if self.terminal {
            let mut lines = board::draw(look);
            lines.extend(hints.iter().cloned());
            // Each line clears what stood behind it: nothing flickers.
            write!(self.out, "\x1b[H{}\x1b[K\x1b[J", lines.join("\x1b[K\r\n"))?;
        } else if self.looks.is_multiple_of(LOOKS_A_LINE) {
            writeln!(self.out, "{}", board::progress(look))?;
        }
        self.looks = self.looks.wrapping_add(1);
        self.out.flush()
    }
}

impl Drop for Screen<'_> {
    fn drop(&mut self) {
        if self.terminal {
            // A terminal that is gone needs nothing back.
            let _ = self.out.write_all(CLOSE.as_bytes()).and_then(|()| self.out.flush());
        }
    }
}
