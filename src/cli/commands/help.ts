import * as Args from '@oclif/core/args'
import { HoopCommand } from '../base-command.ts'

export default class Help extends HoopCommand {
  static override summary = 'Explain a command, or a topic: exit-codes, environment, formats, errors'
  static override examples = [
    '<%= config.bin %> help exec',
    '<%= config.bin %> help exit-codes',
    '<%= config.bin %> help errors -o json',
  ]
  static override args = {
    words: Args.string({ description: 'Command or topic', multiple: true }),
  }
  static override strict = false

  override async run(): Promise<void> {
    const { argv } = await this.parse(Help)
    const words = argv.map(String)
    const topic = words.join(' ')
    const { errorsListing, exitCodesListing, topicText } = await import('../help/topics.ts')
    const text = topicText(topic)
    if (text) return this.print(...text)
    if (topic === 'exit-codes') return this.printListing(exitCodesListing, 'table')
    if (topic === 'errors') return this.printListing(errorsListing, 'table')
    const { loadHelpClass } = await import('@oclif/core/help')
    const HelpClass = await loadHelpClass(this.config)
    await new HelpClass(this.config, this.config.pjson.oclif.helpOptions).showHelp(words)
  }
}
