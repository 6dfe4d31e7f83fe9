using System.Text;
using Mamba.Amqp.Sasl;

namespace Mamba.Amqp.Tests.Sasl;

public sealed class PlainMessageTests
{
    [TestCase("", "user", "secret")]
    [TestCase("admin", "us er", "sécret")]
    public void Formats_and_parses(string authorizationId, string user, string password)
    {
        var message = new PlainMessage(authorizationId, user, password);
        Assert.That(PlainMessage.TryParse(message.Format(), out var parsed), Is.True);
        Assert.That(parsed, Is.EqualTo(message));
    }

    [TestCase("")]
    [TestCase("user")]
    [TestCase("\0user")]
    [TestCase("\0user\0", TestName = "empty password")]
    [TestCase("\0\0secret", TestName = "empty user")]
    [TestCase("\0user\0sec\0ret", TestName = "NUL in the password")]
    public void Refuses_malformed_messages(string text) =>
        Assert.That(PlainMessage.TryParse(Encoding.UTF8.GetBytes(text), out _), Is.False);

    [Test]
    public void Refuses_what_is_not_utf8() => Assert.That(PlainMessage.TryParse([0, 0xC0, 0x80, 0, (byte)'x'], out _), Is.False);

    [Test]
    public void Refuses_to_format_what_cannot_be_parsed()
    {
        Assert.That(() => new PlainMessage("", "", "x").Format(), Throws.TypeOf<SaslException>());
        Assert.That(() => new PlainMessage("", "u", "a\0b").Format(), Throws.TypeOf<SaslException>());
    }

    [Test]
    public void Its_text_does_not_hold_the_password() => Assert.That(new PlainMessage("", "user", "secret").ToString(), Does.Not.Contain("secret"));

    [Test]
    public void The_simple_mechanisms_send_one_message_and_take_no_challenge()
    {
        ISaslClientMechanism[] mechanisms = [new AnonymousClient("trace"), new PlainClient("u", "p"), new ExternalClient("x")];
        Assert.That(mechanisms.Select(mechanism => mechanism.Name), Is.EqualTo(new[] { "ANONYMOUS", "PLAIN", "EXTERNAL" }));
        Assert.That(mechanisms.Select(mechanism => Encoding.UTF8.GetString(mechanism.Start()!)), Is.EqualTo(new[] { "trace", "\0u\0p", "x" }));
        foreach (var mechanism in mechanisms)
        {
            Assert.That(() => mechanism.Respond([]), Throws.TypeOf<SaslException>());
            Assert.That(() => mechanism.Complete([]), Throws.Nothing);
        }
    }
}
