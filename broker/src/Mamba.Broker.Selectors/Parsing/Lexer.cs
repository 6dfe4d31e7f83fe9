using System.Text;

namespace Mamba.Broker.Selectors.Parsing;

/// <summary>Cuts an expression into tokens. The two dialects differ in quotes, delimiters, hexadecimal literals and some signs.</summary>
internal sealed class Lexer(string text, SelectorDialect dialect)
{
    private int _position;

    private bool IsSql => dialect == SelectorDialect.Sql;

    /// <summary>The next token; <see cref="TokenKind.End"/> again and again at the end.</summary>
    /// <exception cref="SelectorException">No token begins here.</exception>
    public Token Next()
    {
        while (_position < text.Length && Characters.IsBlank(text[_position]))
        {
            _position++;
        }

        if (_position == text.Length)
        {
            return new Token(TokenKind.End, _position, 0);
        }

        var c = text[_position];
        if (char.IsAsciiDigit(c) || (c == '.' && char.IsAsciiDigit(Peek(1))))
        {
            return ReadNumber();
        }

        return c switch
        {
            '\'' => ReadQuoted('\'', isName: false),
            '"' => ReadQuoted('"', isName: !IsSql),
            '[' when IsSql => ReadDelimitedName(_position, prefix: ""),
            _ => ReadSign(c) ?? ReadWord(),
        };
    }

    /// <summary>How a token looked, for errors.</summary>
    public string Show(Token token) => token.Kind == TokenKind.End ? "the end" : text.Substring(token.Position, token.Length);

    private char Peek(int ahead) => _position + ahead < text.Length ? text[_position + ahead] : '\0';

    private Token? ReadSign(char c)
    {
        var next = Peek(1);
        var (kind, length) = (c, next) switch
        {
            ('<', '>') => (TokenKind.NotEqual, 2),
            ('!', '=') => (TokenKind.NotEqual, 2),
            ('<', '=') => (TokenKind.LessOrEqual, 2),
            ('>', '=') => (TokenKind.GreaterOrEqual, 2),
            ('<', _) => (TokenKind.Less, 1),
            ('>', _) => (TokenKind.Greater, 1),
            ('=', _) => (TokenKind.Equal, 1),
            ('+', _) => (TokenKind.Plus, 1),
            ('-', _) => (TokenKind.Minus, 1),
            ('*', _) => (TokenKind.Star, 1),
            ('/', _) => (TokenKind.Slash, 1),
            ('%', _) when IsSql => (TokenKind.Percent, 1),
            ('(', _) => (TokenKind.Open, 1),
            (')', _) => (TokenKind.Close, 1),
            (',', _) => (TokenKind.Comma, 1),
            _ => (TokenKind.End, 0),
        };
        if (length == 0)
        {
            return null;
        }

        var token = new Token(kind, _position, length);
        _position += length;
        return token;
    }

    private Token ReadWord()
    {
        var start = _position;
        while (TryPeekRune(out var rune) && BelongsToWord(rune, start))
        {
            _position += rune.Utf16SequenceLength;
            if (rune.Value != '.' || !IsSql)
            {
                continue;
            }

            if (Peek(0) == '[')
            {
                return ReadDelimitedName(start, text[start.._position]);
            }

            _position += FieldNames.HyphenatedLength(text.AsSpan(start, _position - start), text.AsSpan(_position));
        }

        if (_position == start)
        {
            TryPeekRune(out var rune);
            throw new SelectorException(start, $"{Characters.Show(rune)} cannot stand here");
        }

        var word = text[start.._position];
        return new Token(Keywords.Of(word), start, word.Length) { Text = word };
    }

    /// <summary>A dot joins names, as in <c>amqp.subject</c>.</summary>
    private bool BelongsToWord(Rune rune, int start)
    {
        if (_position == start)
        {
            return Characters.IsIdentifierStart(rune);
        }

        return Characters.IsIdentifierPart(rune)
            || (rune.Value == '.' && (char.IsLetterOrDigit(Peek(1)) || Peek(1) is '_' or '$' || (IsSql && Peek(1) == '[')));
    }

    private bool TryPeekRune(out Rune rune) =>
        Rune.DecodeFromUtf16(text.AsSpan(_position), out rune, out _) == System.Buffers.OperationStatus.Done || _position < text.Length;

    private Token ReadQuoted(char quote, bool isName)
    {
        var start = _position++;
        var content = new StringBuilder();
        while (true)
        {
            var end = text.IndexOf(quote, _position);
            if (end < 0)
            {
                throw new SelectorException(start, $"the {(isName ? "name" : "string")} that begins here has no closing {quote}");
            }

            content.Append(text, _position, end - _position);
            _position = end + 1;
            if (Peek(0) != quote)
            {
                break;
            }

            content.Append(quote);
            _position++;
        }

        if (isName && content.Length == 0)
        {
            throw new SelectorException(start, "the name is empty");
        }

        return new Token(isName ? TokenKind.Identifier : TokenKind.Text, start, _position - start) { Text = content.ToString(), IsDelimited = isName };
    }

    private Token ReadDelimitedName(int start, string prefix)
    {
        var end = text.IndexOf(']', _position);
        if (end <= _position + 1)
        {
            throw new SelectorException(start, end < 0 ? "the name that begins here has no closing ]" : "the name is empty");
        }

        var name = prefix + text[(_position + 1)..end];
        _position = end + 1;
        return new Token(TokenKind.Identifier, start, _position - start) { Text = name, IsDelimited = prefix.Length == 0 };
    }

    private Token ReadNumber()
    {
        var start = _position;
        var token = NumberReader.Read(text, start, IsSql);
        _position = start + token.Length;
        if (TryPeekRune(out var rune) && Characters.IsIdentifierPart(rune))
        {
            throw new SelectorException(_position, $"{Characters.Show(rune)} right behind a number");
        }

        return token;
    }
}
