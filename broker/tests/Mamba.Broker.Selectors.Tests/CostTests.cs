using Mamba.Tools.SelectorFuzz;

namespace Mamba.Broker.Selectors.Tests;

/// <summary>
/// Allocation is held here; times are measured by <c>tools/selector-fuzz --timing</c> on a quiet machine, and here only held to
/// something that a search which goes back and forth could not keep.
/// </summary>
[TestFixture]
internal sealed class CostTests
{
    private static IEnumerable<TestCaseData> Cases() =>
        Timing.TypicalCases().Concat(WorstCases.All()).Select(c => new TestCaseData(c).SetArgDisplayNames(c.Name));

    [TestCaseSource(nameof(Cases))]
    public void An_evaluation_allocates_nothing(TimingCase one) => Assert.That(Timing.Allocated(one, 200), Is.Zero);

    [Test]
    public void A_pattern_made_to_be_gone_back_for_is_quick()
    {
        // By going back this takes longer than the age of the universe.
        var message = TestMessage.With("x", new string('a', 20_000));
        var pattern = string.Concat(Enumerable.Repeat("%a_a", 30)) + "%b%";
        Assert.That(message.Truth($"x LIKE '{pattern}'"), Is.EqualTo(Truth.False));
    }
}
