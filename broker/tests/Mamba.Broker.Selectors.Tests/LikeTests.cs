using static Mamba.Broker.Selectors.Truth;

namespace Mamba.Broker.Selectors.Tests;

[TestFixture]
internal sealed class LikeTests
{
    [TestCase("12993", "'12%3'", true)]
    [TestCase("123", "'12%3'", true)]
    [TestCase("1234", "'12%3'", false)]
    [TestCase("lose", "'l_se'", true)]
    [TestCase("loose", "'l_se'", false)]
    [TestCase("", "''", true)]
    [TestCase("", "'%'", true)]
    [TestCase("", "'_'", false)]
    [TestCase("a", "''", false)]
    [TestCase("abc", "'abc'", true)]
    [TestCase("abc", "'ABC'", false)]
    [TestCase("abc", "'a%%c'", true)]
    [TestCase("abc", "'%%%'", true)]
    [TestCase("abc", "'___'", true)]
    [TestCase("abc", "'____'", false)]
    [TestCase("abc", "'_%_'", true)]
    [TestCase("a", "'_%_'", false)]
    [TestCase("aab", "'%ab'", true)]
    [TestCase("abab", "'%ab%ab'", true)]
    [TestCase("ab", "'%ab%ab'", false, Description = "the ends may not overlap")]
    [TestCase("aXbXc", "'a%X%c'", true)]
    [TestCase("mississippi", "'m%iss%ip%i'", true)]
    [TestCase("mississippi", "'m%iss%ipp_'", true)]
    [TestCase("mississippi", "'%s_s%p_i'", true)]
    [TestCase("mississippi", "'%sip%sip%'", false)]
    [TestCase("größe", "'gr__e'", true, Description = "_ is a character, not a byte")]
    [TestCase("a😀b", "'a_b'", true)]
    [TestCase("日本語", "'__'", false)]
    [TestCase("xx日本語yy", "'%本_y%'", true)]
    [TestCase("line\nbreak", "'line%break'", true)]
    [TestCase("it's", "'it''_'", true)]
    [TestCase("aaaaaaaaaaaaaaaaaaaab", "'%aaaaaaaaaab%'", true)]
    [TestCase("aaaaaaaaaaaaaaaaaaaa", "'%aaaaaaaaaab%'", false)]
    public void Patterns(string value, string pattern, bool expected)
    {
        var message = TestMessage.With("x", value);
        Assert.That(message.Truth($"x LIKE {pattern}"), Is.EqualTo(expected ? True : False));
        Assert.That(message.Truth($"x NOT LIKE {pattern}"), Is.EqualTo(expected ? False : True));
    }

    [TestCase("_foo", @"'\_%' ESCAPE '\'", true)]
    [TestCase("bar", @"'\_%' ESCAPE '\'", false)]
    [TestCase("50%", "'50!%' ESCAPE '!'", true)]
    [TestCase("500", "'50!%' ESCAPE '!'", false)]
    [TestCase("a!b", "'a!!b' escape '!'", true)]
    [TestCase("axb", "'aé_b' ESCAPE 'é'", false)]
    [TestCase("a_b", "'aé_b' ESCAPE 'é'", true)]
    [TestCase("a%b%c", "'%!%%!%%' ESCAPE '!'", true)]
    [TestCase("ab", "'a!b' ESCAPE '!'", true, Description = "before another character the escape only goes away")]
    public void Escapes(string value, string pattern, bool expected) =>
        Assert.That(TestMessage.With("x", value).Truth($"x LIKE {pattern}"), Is.EqualTo(expected ? True : False));

    [Test]
    public void What_is_missing_is_unknown_and_what_is_no_string_is_like_nothing()
    {
        var message = TestMessage.With("n", 5);
        Assert.That(message.Truth("missing LIKE '%'"), Is.EqualTo(Unknown));
        Assert.That(message.Truth("missing NOT LIKE '%'"), Is.EqualTo(Unknown));
        Assert.That(message.Truth("n LIKE '5'"), Is.EqualTo(False));
        Assert.That(message.Truth("n NOT LIKE '5'"), Is.EqualTo(True));
    }

    [Test]
    public void Searched_literals_of_every_length_are_found_at_every_place([Range(1, 90)] int length)
    {
        // A literal that nearly repeats itself, as those are hardest to search for; all three searches are used by these lengths.
        var literal = string.Concat(Enumerable.Range(0, length).Select(i => i % 7 == 6 ? 'b' : 'a')) + "c";
        for (var before = 0; before < 10; before++)
        {
            var value = string.Concat(literal.AsSpan(0, Math.Min(before, length)), new string('a', before), literal, "aab");
            Assert.That(TestMessage.With("x", value).Truth($"x LIKE '%{literal}%b'"), Is.EqualTo(True), value);
            Assert.That(TestMessage.With("x", value.Replace('c', 'd')).Truth($"x LIKE '%{literal}%b'"), Is.EqualTo(False), value);
        }
    }
}
