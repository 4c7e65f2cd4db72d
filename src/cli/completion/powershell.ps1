# PowerShell completion for coracle: asks coracle itself what may stand where the cursor is.

Register-ArgumentCompleter -Native -CommandName coracle -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $before = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition })
    $words = @($before | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
    # PowerShell before 7.3 loses an empty argument.
    & $before[0].ToString() __complete @words "$wordToComplete" 2>$null | ForEach-Object {
        if (-not $_.StartsWith(':')) {
            $word, $about = $_ -split "`t", 2
            if (-not $about) { $about = $word }
            [System.Management.Automation.CompletionResult]::new($word, $word, 'ParameterValue', $about)
        } elseif ($_ -ne ':') {
            Get-ChildItem -Path "$wordToComplete*" | ForEach-Object {
                [System.Management.Automation.CompletionResult]::new($_.Name, $_.Name, 'ProviderItem', $_.FullName)
            }
        }
    }
}
