using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Mamba.Amqp.Sasl;

/// <summary>
/// The text of SCRAM messages (RFC 5802 §5.1, §7):
/// <code>
///   client-first  n,[a=authzid],n=user,r=cnonce                       the part from "n=" on is "bare"
///   server-first  r=cnonce+snonce,s=base64(salt),i=iterations
///   client-final  c=biws,r=cnonce+snonce,p=base64(proof)              "biws" is base64("n,,")
///   server-final  v=base64(signature)  |  e=error
/// </code>
/// Attributes may be followed by extensions, which are ignored, except "m=", which demands that the exchange fail.
/// </summary>
internal static class ScramSyntax
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Strict UTF-8 decoding; null when the bytes are not UTF-8.</summary>
    public static string? Decode(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return StrictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }

    /// <summary>The value of the next attribute when it is the one named, moving past it and its comma.</summary>
    public static bool TryTake(ref ReadOnlySpan<char> text, char attribute, out ReadOnlySpan<char> value)
    {
        value = default;
        if (text.Length < 2 || text[0] != attribute || text[1] != '=')
        {
            return false;
        }

        var comma = text.IndexOf(',');
        value = comma < 0 ? text[2..] : text[2..comma];
        text = comma < 0 ? [] : text[(comma + 1)..];
        return true;
    }

    /// <summary>Undoes the escapes of a saslname; null when it holds a bare "=" or another escape than =2C and =3D.</summary>
    public static string? UnescapeName(ReadOnlySpan<char> name)
    {
        var result = new StringBuilder(name.Length);
        for (var i = 0; i < name.Length; i++)
        {
            if (name[i] != '=')
            {
                result.Append(name[i]);
                continue;
            }

            var escape = name[i..];
            if (escape.StartsWith("=2C", StringComparison.Ordinal))
            {
                result.Append(',');
            }
            else if (escape.StartsWith("=3D", StringComparison.Ordinal))
            {
                result.Append('=');
            }
            else
            {
                return null;
            }

            i += 2;
        }

        return result.ToString();
    }

    /// <summary>Escapes a name for a message: "=" first, or the escape of "," would be escaped again.</summary>
    public static string EscapeName(string name) =>
        name.Replace("=", "=3D", StringComparison.Ordinal).Replace(",", "=2C", StringComparison.Ordinal);

    /// <summary>A nonce is printable ASCII without comma (RFC 5802 §7), and here at most 1,024 characters.</summary>
    public static bool IsNonce(ReadOnlySpan<char> nonce)
    {
        foreach (var c in nonce)
        {
            if (c is < '!' or > '~' or ',')
            {
                return false;
            }
        }

        return nonce.Length is > 0 and <= 1024;
    }

    /// <summary>24 random bytes in base64: 192 bits, and no comma.</summary>
    public static string NewNonce() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(24));

    /// <summary>Decodes base64; null when malformed or empty.</summary>
    public static byte[]? FromBase64(ReadOnlySpan<char> text)
    {
        if (text.IsEmpty || text.Length > 4096 || !Base64.IsValid(text))
        {
            return null;
        }

        var bytes = new byte[text.Length];
        return Convert.TryFromBase64Chars(text, bytes, out var written) ? bytes[..written] : null;
    }

    /// <summary>An iteration count: decimal digits only, no sign, no leading zero.</summary>
    public static bool TryParseIterations(ReadOnlySpan<char> text, out int iterations)
    {
        iterations = 0;
        return !text.IsEmpty && text[0] != '0' && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out iterations);
    }

    /// <summary>Whether what follows the known attributes holds the mandatory extension "m=", which we do not understand.</summary>
    public static bool IsMandatoryExtension(ReadOnlySpan<char> text) => text.StartsWith("m=", StringComparison.Ordinal);
}
