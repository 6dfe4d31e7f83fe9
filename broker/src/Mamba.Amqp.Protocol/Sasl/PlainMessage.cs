using System.Text;

namespace Mamba.Amqp.Sasl;

/// <summary>
/// The one message of the PLAIN mechanism (RFC 4616 §2):
/// <code>
///   [authzid] NUL authcid NUL passwd        UTF-8, authcid and passwd not empty, none of the three holds a NUL
/// </code>
/// </summary>
/// <param name="AuthorizationId">The identity to act as; empty to act as the authenticated one.</param>
/// <param name="User">The authentication identity.</param>
/// <param name="Password">The password, as sent.</param>
public readonly record struct PlainMessage(string AuthorizationId, string User, string Password)
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Reads the message. Returns false when it is malformed; the caller answers outcome code 1 (auth).</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out PlainMessage message)
    {
        message = default;
        var first = bytes.IndexOf((byte)0);
        if (first < 0)
        {
            return false;
        }

        var rest = bytes[(first + 1)..];
        var second = rest.IndexOf((byte)0);
        if (second <= 0 || second == rest.Length - 1 || rest[(second + 1)..].Contains((byte)0))
        {
            return false;
        }

        try
        {
            message = new PlainMessage(
                StrictUtf8.GetString(bytes[..first]),
                StrictUtf8.GetString(rest[..second]),
                StrictUtf8.GetString(rest[(second + 1)..]));
            return true;
        }
        catch (DecoderFallbackException)
        {
            return false;
        }
    }

    /// <summary>Writes the message.</summary>
    /// <exception cref="SaslException">The user or the password is empty, or one of the three holds a NUL.</exception>
    public byte[] Format()
    {
        if (string.IsNullOrEmpty(User) || string.IsNullOrEmpty(Password))
        {
            throw new SaslException("PLAIN needs a user name and a password, and one of them is empty.");
        }

        if (User.Contains('\0', StringComparison.Ordinal) || Password.Contains('\0', StringComparison.Ordinal)
            || (AuthorizationId ?? "").Contains('\0', StringComparison.Ordinal))
        {
            throw new SaslException("A PLAIN identity or password must not hold a NUL character.");
        }

        return StrictUtf8.GetBytes($"{AuthorizationId}\0{User}\0{Password}");
    }

    /// <summary>The user only: a password does not belong in a log.</summary>
    public override string ToString() => $"PLAIN {User}";
}
