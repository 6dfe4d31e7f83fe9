using System.Text;
using Mamba.Amqp.Sasl;

namespace Mamba.Amqp.Tests.Sasl;

public sealed class SaslPrepTests
{
    // The first five are the examples of RFC 4013 section 3.
    [TestCase("I\u00ADX", "IX")]
    [TestCase("user", "user")]
    [TestCase("USER", "USER")]
    [TestCase("\u00AA", "a")]
    [TestCase("\u2168", "IX")]
    [TestCase("a\u00A0b", "a b")]
    [TestCase("e\u0301", "\u00E9")]
    [TestCase("\u00E9", "\u00E9")]
    [TestCase("\uFF21\uFF22", "AB")]
    [TestCase("\u1100\u1161\u11A8", "\uAC01")]
    [TestCase("\uAC01", "\uAC01")]
    [TestCase("\u1E9B\u0323", "\u1E69")]
    [TestCase("q\u0307\u0323", "q\u0323\u0307")]
    [TestCase("\uFDFA", "\u0635\u0644\u0649 \u0627\u0644\u0644\u0647 \u0639\u0644\u064A\u0647 \u0648\u0633\u0644\u0645")]
    [TestCase("\U0001D54F", "X")]
    [TestCase("\u0958", "\u0915\u093C")]
    [TestCase("\U0001F600", "\U0001F600")]
    public void Prepares(string text, string expected)
    {
        Assert.That(SaslPrep.TryPrepare(text, out var prepared), Is.True);
        Assert.That(prepared, Is.EqualTo(expected));
        Assert.That(SaslPrep.Prepare(prepared!), Is.EqualTo(prepared), "preparing twice changes nothing");
    }

    [TestCase("\u0007")]
    [TestCase("a\u007F")]
    [TestCase("a\u0085")]
    [TestCase("\uE000")]
    [TestCase("\uFFFE")]
    [TestCase("\uFFFD")]
    [TestCase("\u200E")]
    [TestCase("\U000E0001")]
    [TestCase("\U0010FFFF")]
    public void Refuses_prohibited_characters(string text)
    {
        Assert.That(SaslPrep.TryPrepare(text, out _), Is.False);
        Assert.That(() => SaslPrep.Prepare(text), Throws.TypeOf<SaslException>());
    }

    [Test]
    public void Refuses_lone_surrogates() => Assert.That(SaslPrep.TryPrepare("a" + (char)0xD800, out _), Is.False);

    [Test]
    public void A_long_run_of_combining_marks_is_ordered_once()
    {
        var text = "a" + new string('\u0301', 500) + new string('\u0323', 500);
        Assert.That(SaslPrep.Prepare(text).Normalize(NormalizationForm.FormC), Has.Length.EqualTo(1000));
    }
}
