using System.Buffers;
using System.Globalization;
using System.Text;

namespace Mamba.Broker.Engine;

/// <summary>Percent-encoding (RFC 3986 §2.1) of names that are parts of an address.</summary>
public static class PercentText
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Everything but letters, digits, <c>-</c>, <c>.</c>, <c>_</c> and <c>~</c> of ASCII becomes <c>%XX</c>.</summary>
    public static string Encode(string text) => Uri.EscapeDataString(text);

    /// <summary>The text, or null when a percent sign is not followed by two hexadecimal digits, or the bytes are no UTF-8.</summary>
    public static string? Decode(string encoded)
    {
        ArgumentNullException.ThrowIfNull(encoded);
        if (!encoded.Contains('%', StringComparison.Ordinal))
        {
            return encoded;
        }

        var bytes = new ArrayBufferWriter<byte>(encoded.Length);
        for (var i = 0; i < encoded.Length; i++)
        {
            if (encoded[i] != '%')
            {
                var next = encoded.IndexOf('%', i);
                next = next < 0 ? encoded.Length : next;
                Encoding.UTF8.GetBytes(encoded.AsSpan(i, next - i), bytes);
                i = next - 1;
            }
            else if (i + 2 < encoded.Length && byte.TryParse(encoded.AsSpan(i + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value))
            {
                bytes.Write([value]);
                i += 2;
            }
            else
            {
                return null;
            }
        }

        try
        {
            return Strict.GetString(bytes.WrittenSpan);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }
}
