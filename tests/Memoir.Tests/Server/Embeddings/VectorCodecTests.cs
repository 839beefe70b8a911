using FsCheck;
using FsCheck.Fluent;
using Memoir.Server.Embeddings.Vectors;

namespace Memoir.Tests.Server.Embeddings;

public sealed class VectorCodecTests
{
    [Theory]
    [InlineData(8)]
    [InlineData(256)]
    [InlineData(1536)]
    public void A_vector_comes_back_nearly_as_it_was(int dimensions)
    {
        var random = new Random(dimensions);
        for (var round = 0; round < 50; round++)
        {
            var vector = TestVectors.Unit(random, dimensions);

            var decoded = VectorCodec.Decode(VectorCodec.Encode(vector), dimensions);

            var bound = vector.Max(Math.Abs) / 127;
            Assert.All(vector.Zip(decoded), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, bound));
            Assert.True(TestVectors.Cosine(vector, decoded) > 0.999);
            Assert.Equal(1, TestVectors.Cosine(decoded, decoded), 5);
        }
    }

    [Fact]
    public void Any_direction_can_be_stored() =>
        Prop.ForAll<NormalFloat[]>(numbers =>
        {
            var vector = numbers.Select(number => (float)number.Get).ToArray();
            return vector.All(value => value == 0) || !vector.All(float.IsFinite)
                || VectorCodec.IsIntact(VectorCodec.Encode(vector), vector.Length);
        }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(float.Epsilon)]
    [InlineData(float.MaxValue)]
    public void The_ends_of_the_range_can_be_stored(float value) =>
        Assert.Equal(1, VectorCodec.Decode(VectorCodec.Encode([value]), 1)[0], 5);

    [Fact]
    public void Damage_is_refused()
    {
        var whole = VectorCodec.Encode(TestVectors.Unit(new Random(1), 64));
        Assert.True(VectorCodec.IsIntact(whole, 64));

        Assert.False(VectorCodec.IsIntact(whole, 65));
        Assert.False(VectorCodec.IsIntact(whole.AsSpan(0, 40), 64));
        Assert.False(VectorCodec.IsIntact([], 64));
        Assert.False(VectorCodec.IsIntact(new byte[whole.Length], 64));
        Assert.False(VectorCodec.IsIntact([1, .. new byte[whole.Length - 1]], 64));
        for (var at = 0; at < 5; at++)
        {
            var damaged = (byte[])whole.Clone();
            damaged[at] ^= 0x40;
            Assert.Throws<FormatException>(() => VectorCodec.Decode(damaged, 64));
            Assert.Throws<FormatException>(() => new VectorTable(64).Set(0, damaged));
        }

        var notFinite = (byte[])whole.Clone();
        BitConverter.TryWriteBytes(notFinite.AsSpan(1), float.NaN);
        Assert.False(VectorCodec.IsIntact(notFinite, 64));
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void What_has_no_direction_is_not_stored(float value) =>
        Assert.Throws<ArgumentException>(() => VectorCodec.Encode([0, value]));
}
