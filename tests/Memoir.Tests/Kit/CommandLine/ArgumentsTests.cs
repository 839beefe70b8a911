using Memoir.Kit.CommandLine;

namespace Memoir.Tests.Kit.CommandLine;

public sealed class ArgumentsTests
{
    private static readonly CommandOption[] Options =
        [new("--name", "NAME", "a value"), new("--count", "N", "a number"), new("--dry-run", null, "a switch")];

    [Fact]
    public void Options_and_operands_stand_in_any_order()
    {
        var read = Arguments.Parse(["--name", "a", "file", "--count=7", "--dry-run"], Options);

        Assert.Equal("a", read.Text("--name"));
        Assert.Equal(7, read.Number("--count", 1, 0, 9));
        Assert.True(read.Has("--dry-run"));
        Assert.Equal("file", read.Operand("FILE"));
    }

    [Fact]
    public void After_two_dashes_nothing_is_an_option() =>
        Assert.Equal(["--name"], Arguments.Parse(["--", "--name"], Options).Operands);

    [Theory]
    [InlineData("there is no option --nmae", "--nmae", "x")]
    [InlineData("--name needs NAME", "--name")]
    [InlineData("--name is given twice", "--name", "a", "--name=b")]
    [InlineData("--dry-run takes no value", "--dry-run=yes")]
    public void What_cannot_be_meant_is_refused(string says, params string[] args)
    {
        var refused = Assert.Throws<CommandException>(() => Arguments.Parse(args, Options));

        Assert.Equal((ExitCode.Usage, says), (refused.Code, refused.Message));
    }

    [Theory]
    [InlineData("10")]
    [InlineData("-1")]
    [InlineData("1.5")]
    [InlineData("")]
    public void A_number_out_of_range_is_refused(string value) =>
        Assert.Throws<CommandException>(() => Arguments.Parse([$"--count={value}"], Options).Number("--count", 1, 0, 9));

    [Fact]
    public void Text_of_others_cannot_move_the_cursor() =>
        Assert.Equal(@"a\u001b[2Jb\u000ac\u202ed", PrintableText.Of("a\e[2Jb\nc\u202ed"));
}
