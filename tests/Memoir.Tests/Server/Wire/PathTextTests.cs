using Memoir.Server.Wire;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Memoir.Tests.Server.Wire;

/// <summary>The test server decodes a slash that Kestrel leaves alone, so this is tested beneath it.</summary>
public sealed class PathTextTests
{
    [Theory]
    [InlineData("/v1/conversations/plain/messages", "plain", "plain")]
    [InlineData("/v1/conversations/a%2Fb/messages", "a%2Fb", "a/b")]
    [InlineData("/v1/conversations/a%252Fb/messages", "a%2Fb", "a%2Fb")]
    [InlineData("/v1/conversations/a%2fb%20c%3F/messages?limit=1/2", "a%2fb c?", "a/b c?")]
    [InlineData("/v1/conversations/%E6%9D%B1%2F/messages", "\u6771%2F", "\u6771/")]
    [InlineData("", "a%2Fb", "a%2Fb")]
    [InlineData("*", "a%2Fb", "a%2Fb")]
    public void A_segment_is_decoded_once_and_wholly(string target, string routed, string expected)
    {
        var http = new DefaultHttpContext();
        http.Features.Get<IHttpRequestFeature>()!.RawTarget = target;

        var text = PathText.Of(http, segment: 2, routed);

        Assert.Equal(expected, text);
    }
}
